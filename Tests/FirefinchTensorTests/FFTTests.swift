import Firefinch
import Foundation
import Testing

@Suite struct FFTTests {
  /// The definition, by summing.
  private static func slow(_ x: [(Double, Double)], sign: Double) -> [(Double, Double)] {
    let n = x.count
    return (0..<n).map { k in
      var sum = (0.0, 0.0)
      for (j, value) in x.enumerated() {
        let angle = sign * 2 * Double.pi * Double(j * k % n) / Double(n)
        sum.0 += value.0 * cos(angle) - value.1 * sin(angle)
        sum.1 += value.0 * sin(angle) + value.1 * cos(angle)
      }
      return sum
    }
  }

  private static func pairs(_ x: Tensor) -> [(Double, Double)] {
    zip(x.real.array(Double.self), x.imag.array(Double.self)).map { ($0, $1) }
  }

  private static func distance(_ a: [(Double, Double)], _ b: [(Double, Double)]) -> Double {
    zip(a, b).map { Swift.max(abs($0.0 - $1.0), abs($0.1 - $1.1)) }.max() ?? 0
  }

  /// Powers of 2, products of small primes, primes below and above the limit of direct transforms, and their products.
  static let lengths = Array(1...40) + [49, 64, 74, 97, 100, 121, 127, 128, 210, 211, 243, 256, 344, 625]

  @Test(arguments: lengths) func everyLengthIsTransformed(_ n: Int) {
    withSeed(n) {
      let x = Tensor.complex(Tensor.randn([n], dtype: .float64), Tensor.randn([n], dtype: .float64))
      let want = Self.slow(Self.pairs(x), sign: -1)
      #expect(Self.distance(Self.pairs(FFT.fft(x)), want) < 1e-11 * Double(n))
      #expect(Self.distance(Self.pairs(FFT.ifft(FFT.fft(x))), Self.pairs(x)) < 1e-13)
      #expect(Self.distance(Self.pairs(FFT.ifft(x, norm: .forward)), Self.slow(Self.pairs(x), sign: 1)) < 1e-11 * Double(n))
      #expect(Self.distance(Self.pairs(FFT.fft(x.to(.complex64))), want) < 1e-4)

      let real = x.real.contiguous()
      let all = FFT.fft(Tensor.complex(real, real.zerosLike()))
      let half = FFT.rfft(real)
      #expect(half.shape == [n / 2 + 1])
      #expect(Self.distance(Self.pairs(half), Self.pairs(all.narrow(dim: 0, start: 0, length: n / 2 + 1))) < 1e-12)
      #expect(Self.distance(Self.pairs(FFT.fft(real)), Self.pairs(all)) < 1e-12)
      let back = FFT.irfft(half, n: n)
      #expect((back - real).abs().max().doubleValue < 1e-13)
    }
  }

  @Test func everyDimAndLayoutIsTransformed() {
    withSeed(1) {
      let x = Tensor.randn([3, 10, 7, 4], dtype: .float64)
      for dim in 0..<4 {
        let moved = FFT.rfft(x.movedim(dim, -1).contiguous()).movedim(-1, dim)
        #expect((FFT.rfft(x, dim: dim) - moved).abs().max().doubleValue < 1e-13)
        #expect((FFT.irfft(moved, n: x.size(dim), dim: dim) - x).abs().max().doubleValue < 1e-13)
      }
      let strided = x.transpose(0, 2)
      #expect((FFT.ifftn(FFT.fftn(strided)).real - strided).abs().max().doubleValue < 1e-13)
    }
  }

  @Test func resultsDoNotDependOnTheNumberOfThreads() {
    let threads = Parallel.threadCount
    defer { Parallel.threadCount = threads }
    withSeed(2) {
      for n in [97, 360, 1024] {
        let x = Tensor.randn([37, n])
        Parallel.threadCount = 1
        let one = FFT.rfft(x).viewAsReal().array(Float.self)
        Parallel.threadCount = 2
        #expect(FFT.rfft(x).viewAsReal().array(Float.self) == one)
      }
    }
  }

  @Test func gradientsMatchFiniteDifferences() {
    withSeed(3) {
      for n in [1, 4, 5] {
        let x = Tensor.randn([2, n], dtype: .float64).requiresGrad_()
        let problem = Gradcheck.check([x]) { [FFT.rfft($0[0]).abs().square(), FFT.fft($0[0]).imag] }
        #expect(problem == nil)
        let round = Gradcheck.check([x]) {
          let spectrum = FFT.fft($0[0])
          return [FFT.hfft(spectrum, n: n), FFT.irfft(spectrum * spectrum, n: n, norm: .ortho)]
        }
        #expect(round == nil)
        let second = Gradcheck.checkSecond([x]) { [FFT.irfft(FFT.rfft($0[0]).abs().square(), n: n)] }
        #expect(second == nil)
      }
    }
  }

  @Test func signalsComeBackFromTheirFrames() {
    withSeed(4) {
      let x = Tensor.randn([2, 100], dtype: .float64)
      let window = Tensor.hannWindow(16, dtype: .float64)
      let frames = x.stft(nFFT: 16, hopLength: 4, window: window, returnComplex: true)
      #expect(frames.shape == [2, 9, 26])
      let back = frames.istft(nFFT: 16, hopLength: 4, window: window, length: 100)
      #expect((back - x).abs().max().doubleValue < 1e-12)
    }
  }

  @Test func mistakesAreExplained() {
    func mistake(_ body: () -> Tensor) -> String {
      do {
        _ = try withErrors(body)
        return "no error"
      } catch { return "\(error)" }
    }
    let x = Tensor.ones([4, 3])
    #expect(mistake { FFT.fft(x, n: 0) }.contains("at least 1, got 0"))
    #expect(mistake { FFT.fft(x.to(.bfloat16)) }.contains("bfloat16 is not supported"))
    #expect(mistake { FFT.rfft(x.to(.complex64)) }.contains("expected a real tensor, got complex64"))
    #expect(mistake { FFT.fft2(x, dim: [0, 0]) }.contains("unique"))
    #expect(mistake { FFT.fftn(x, s: [1, 2], dim: [0]) }.contains("same length"))
    #expect(mistake { x.stft(nFFT: 8, returnComplex: true) }.contains("stft"))
    #expect(mistake { SignalWindow.hann(-1) }.contains("must not be negative"))
  }
}
