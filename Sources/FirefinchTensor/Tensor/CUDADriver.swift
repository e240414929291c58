import CFirefinch

/// Whether an NVIDIA GPU can be used. The CUDA backend itself is not part of this version.
public enum CUDADriver {
  /// One clause that says why `cuda` cannot be used.
  public static var whyUnavailable: String { "this version of Firefinch computes on the CPU only" }
}
