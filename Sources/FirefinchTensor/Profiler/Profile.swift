import FirefinchCore

/// What a profiler recorded: every event, and tables of them.
public struct Profile: Sendable {
  /// What kind of work an event is.
  public enum Category: String, Sendable { case forward, backward, optimizer, module, user }

  /// One stretch of work on the profiled thread.
  public struct Event: Sendable {
    /// The operation's, function's or module's name.
    public let name: String
    public let category: Category
    /// Path of the module it belongs to, such as `encoder.layers.3.linear1`; "" outside modules. A backward event belongs to
    /// the module that ran the operation forward.
    public let module: String
    /// Shapes of the inputs, when asked for.
    public let shapes: [Shape]
    /// How many events enclose it.
    public let depth: Int
    /// Nanoseconds from the profiler's start, and how long it took.
    public let start: UInt64
    public internal(set) var duration: UInt64 = 0
    /// The duration less that of the events inside.
    public internal(set) var selfTime: UInt64 = 0
    /// Bytes allocated less bytes freed, in blocks of 32 KiB and more.
    public internal(set) var allocated = 0
  }

  /// Events in the order they ended.
  public let events: [Event]
  /// Nanoseconds from the profiler's start to its end.
  public let wallTime: UInt64

  /// What the lines of a table are ordered by.
  public enum SortKey: Sendable { case selfTime, totalTime, calls, allocated }

  /// A line of a table: all events of one name.
  public struct Line: Sendable {
    public let name: String
    public let shapes: [Shape]
    public internal(set) var calls = 0
    public internal(set) var selfTime: UInt64 = 0
    public internal(set) var totalTime: UInt64 = 0
    public internal(set) var allocated = 0
  }

  /// One line for each operation, backward function, optimizer and range of the user's own (and each list of input shapes,
  /// when recorded).
  public func lines(sortBy key: SortKey = .selfTime) -> [Line] {
    grouped(events.filter { $0.category != .module }, key) { ($0.name, $0.shapes) }
  }

  /// A table of `lines`, with times in milliseconds. Same as `key_averages().table()`.
  public func table(sortBy key: SortKey = .selfTime, rowLimit: Int = 50) -> String {
    let lines = lines(sortBy: key)
    let whole = Swift.max(lines.reduce(0) { $0 + $1.selfTime }, 1)
    let withShapes = lines.contains { !$0.shapes.isEmpty }
    var rows = [["Name", "Self", "Self %", "Total", "Total %", "Calls", "Average", "Memory"] + (withShapes ? ["Shapes"] : [])]
    for line in lines.prefix(Swift.max(rowLimit, 0)) {
      let average = line.totalTime / UInt64(Swift.max(line.calls, 1))
      rows.append(
        [
          line.name, Profile.milliseconds(line.selfTime), Profile.percent(line.selfTime, whole),
          Profile.milliseconds(line.totalTime), Profile.percent(line.totalTime, whole), "\(line.calls)",
          Profile.milliseconds(average), Profile.bytes(line.allocated),
        ] + (withShapes ? [line.shapes.map(\.description).joined(separator: " ")] : []))
    }
    let text = Profile.aligned(rows, leftmost: withShapes ? [0, 8] : [0])
    return text + "\nSelf time: \(Profile.milliseconds(whole)) of \(Profile.milliseconds(wallTime))"
  }

  /// A line of the table of modules. Times are in nanoseconds and include the modules inside.
  public struct ModuleLine: Sendable {
    public let path: String
    public internal(set) var calls = 0
    /// Time in its forward.
    public internal(set) var forward: UInt64 = 0
    /// Time of the backward functions of its operations.
    public internal(set) var backward: UInt64 = 0
  }

  /// One line for each module, in the order of their first calls.
  public func moduleLines() -> [ModuleLine] {
    var lines: [ModuleLine] = []
    var positions: [String: Int] = [:]
    var backward: [String: UInt64] = [:]
    // A path does not name the outermost module, so that what encloses a module is seen from the calls.
    var enclosing: [String: String] = [:]
    var running: [Event] = []
    for event in inOrder {
      if event.category == .module {
        while let last = running.last, last.depth >= event.depth || last.start + last.duration <= event.start {
          running.removeLast()
        }
        let at = positions[event.module] ?? lines.count
        if at == lines.count {
          positions[event.module] = at
          lines.append(ModuleLine(path: event.module))
          enclosing[event.module] = running.last?.module
        }
        lines[at].calls += 1
        // A module that calls itself is timed once.
        if !running.contains(where: { $0.module == event.module }) { lines[at].forward += event.duration }
        running.append(event)
      } else if event.category == .backward && !event.module.isEmpty {
        // Every enclosing module gets its share.
        var path: String? = event.module
        while let inner = path {
          backward[inner, default: 0] += event.selfTime
          path = enclosing[inner]
        }
      }
    }
    for i in lines.indices { lines[i].backward = backward[lines[i].path] ?? 0 }
    return lines
  }

  /// A table of `moduleLines`, with times in milliseconds.
  public func moduleTable(rowLimit: Int = 100) -> String {
    var rows = [["Module", "Calls", "Forward", "Average", "Backward"]]
    for line in moduleLines().prefix(Swift.max(rowLimit, 0)) {
      rows.append([
        line.path, "\(line.calls)", Profile.milliseconds(line.forward),
        Profile.milliseconds(line.forward / UInt64(line.calls)), Profile.milliseconds(line.backward),
      ])
    }
    return Profile.aligned(rows, leftmost: [0])
  }

  /// The events in Chrome's trace format, which chrome://tracing and Perfetto open.
  public func chromeTrace() -> String {
    let entries = inOrder.map { event in
      var arguments: [String] = []
      if !event.module.isEmpty { arguments.append("\"module\": \(Profile.quoted(event.module))") }
      if !event.shapes.isEmpty {
        arguments.append("\"shapes\": [\(event.shapes.map { "\($0)" }.joined(separator: ", "))]")
      }
      if event.allocated != 0 { arguments.append("\"bytes\": \(event.allocated)") }
      return "{\"name\": \(Profile.quoted(event.name)), \"cat\": \"\(event.category.rawValue)\", \"ph\": \"X\", "
        + "\"ts\": \(Double(event.start) / 1000), \"dur\": \(Double(event.duration) / 1000), \"pid\": 1, \"tid\": 1, "
        + "\"args\": {\(arguments.joined(separator: ", "))}}"
    }
    return "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [\n\(entries.joined(separator: ",\n"))\n]}\n"
  }

  /// Events in the order they began, an enclosing one before those inside.
  private var inOrder: [Event] { events.sorted { ($0.start, $0.depth) < ($1.start, $1.depth) } }

  private func grouped(_ events: [Event], _ key: SortKey, _ name: (Event) -> (String, [Shape])) -> [Line] {
    struct Key: Hashable {
      let name: String
      let shapes: [Shape]
    }
    var positions: [Key: Int] = [:]
    var lines: [Line] = []
    for event in events {
      let (text, shapes) = name(event)
      let at = positions[Key(name: text, shapes: shapes)] ?? lines.count
      if at == lines.count {
        positions[Key(name: text, shapes: shapes)] = at
        lines.append(Line(name: text, shapes: shapes))
      }
      lines[at].calls += 1
      lines[at].selfTime += event.selfTime
      lines[at].totalTime += event.duration
      lines[at].allocated += event.allocated
    }
    return lines.sorted { a, b in
      switch key {
      case .selfTime: a.selfTime > b.selfTime
      case .totalTime: a.totalTime > b.totalTime
      case .calls: a.calls > b.calls
      case .allocated: a.allocated > b.allocated
      }
    }
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case _ where scalar.value < 32: result += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  private static func fixed(_ value: Double, _ digits: Int) -> String {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let whole = Int((value * scale).rounded())
    if digits == 0 { return "\(whole)" }
    let text = String(abs(whole))
    let padded = String(repeating: "0", count: Swift.max(digits + 1 - text.count, 0)) + text
    return (whole < 0 ? "-" : "") + padded.dropLast(digits) + "." + padded.suffix(digits)
  }

  private static func milliseconds(_ nanoseconds: UInt64) -> String { fixed(Double(nanoseconds) / 1e6, 3) + " ms" }
  private static func percent(_ part: UInt64, _ whole: UInt64) -> String { fixed(Double(part) / Double(whole) * 100, 1) + "%" }
  private static func bytes(_ count: Int) -> String {
    if abs(count) >= 1 << 20 { return fixed(Double(count) / 1_048_576, 1) + " MB" }
    return abs(count) >= 1 << 10 ? fixed(Double(count) / 1024, 1) + " KB" : "\(count) B"
  }

  /// Columns padded to their widest entry; the columns `leftmost` start at the left.
  private static func aligned(_ rows: [[String]], leftmost: Set<Int>) -> String {
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    func line(_ row: [String]) -> String {
      row.enumerated().map { column, text in
        let space = String(repeating: " ", count: widths[column] - text.count)
        return leftmost.contains(column) ? text + space : space + text
      }.joined(separator: "  ")
    }
    let rule = String(repeating: "-", count: widths.reduce(0, +) + 2 * (widths.count - 1))
    return ([line(rows[0]), rule] + rows.dropFirst().map(line)).joined(separator: "\n")
  }
}
