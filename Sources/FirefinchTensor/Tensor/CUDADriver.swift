import CFirefinch
import FirefinchCore

/// Whether an NVIDIA GPU can be used. The CUDA backend is not part of this version.
public enum CUDADriver {
  /// One clause that says why `cuda` cannot be used.
  public static var whyUnavailable: String {
    let driver = ff_library(Int32(FF_LIB_CUDA))
    if driver.loaded == 0 { return "no CUDA driver (\(String(cString: driver.reason)))" }
    return "a CUDA driver is present, but this version of Firefinch computes on the CPU only"
  }
}
