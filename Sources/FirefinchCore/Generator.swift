public final class Generator: @unchecked Sendable {}
