/// The version of the library and the command line.
public enum FirefinchVersion {
  public static let current = "0.1.0"
}
