import Testing

/// Tests that draw from the default generator: one after another, because they share it.
@Suite(.serialized) struct SeededTests {}
