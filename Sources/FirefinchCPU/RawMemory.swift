/// Typed views of raw memory for the kernels' calls.
@inline(__always) func f32(_ raw: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Float> {
  raw.assumingMemoryBound(to: Float.self)
}
@inline(__always) func f64(_ raw: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Double> {
  raw.assumingMemoryBound(to: Double.self)
}
@inline(__always) func f32(_ raw: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<Float>? { raw.map(f32) }
@inline(__always) func f64(_ raw: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<Double>? { raw.map(f64) }
