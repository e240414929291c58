import CFirefinch
import Firefinch
import FirefinchIO
import FirefinchTestSupport
import Foundation
import Testing

/// A server of one file on the loopback address, for downloads: with ranges or without, and cut off after some bytes.
private final class FileServer: @unchecked Sendable {
  let port: UInt16
  private let listener: Int32
  private let content: [UInt8]
  private let lock = NSLock()
  private var state = (cutAfter: Int.max, takesRanges: true, requests: [String]())

  /// Connections are ended after so many bytes of the body.
  var cutAfter: Int {
    get { lock.withLock { state.cutAfter } }
    set { lock.withLock { state.cutAfter = newValue } }
  }
  var takesRanges: Bool {
    get { lock.withLock { state.takesRanges } }
    set { lock.withLock { state.takesRanges = newValue } }
  }
  /// The requests' heads so far.
  var requests: [String] { lock.withLock { state.requests } }

  func url(_ name: String) -> String { "http://127.0.0.1:\(port)/\(name)" }

  init(_ content: [UInt8]) throws {
    self.content = content
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = listener
    let bound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
        bind(descriptor, raw, length) == 0 && listen(descriptor, 4) == 0 && getsockname(descriptor, raw, &length) == 0
      }
    }
    try #require(bound, "a port of the loopback address")
    port = UInt16(bigEndian: address.sin_port)
    Thread.detachNewThread { [self] in
      while true {
        let connection = accept(listener, nil, nil)
        if connection < 0 { return }
        serve(connection)
        close(connection)
      }
    }
  }

  func stop() {
    shutdown(listener, Int32(truncatingIfNeeded: SHUT_RDWR))
    close(listener)
  }

  private func serve(_ connection: Int32) {
    var head: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while !String(decoding: head, as: UTF8.self).contains("\r\n\r\n") {
      let count = recv(connection, &buffer, buffer.count, 0)
      if count <= 0 { return }
      head += buffer[..<count]
    }
    let request = String(decoding: head, as: UTF8.self)
    let (limit, ranges) = lock.withLock {
      state.requests.append(request)
      return (state.cutAfter, state.takesRanges)
    }
    func send(_ bytes: [UInt8]) {
      _ = Foundation.send(connection, bytes, bytes.count, Int32(truncatingIfNeeded: MSG_NOSIGNAL))
    }
    if request.contains("/missing") {
      send(Array("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".utf8))
      return
    }
    var start = 0
    if ranges, let range = request.range(of: "Range: bytes=") {
      start = Int(request[range.upperBound...].prefix { $0.isNumber }) ?? 0
    }
    let body = Array(content[min(start, content.count)...])
    let status = start > 0 ? "206 Partial Content" : "200 OK"
    let place = start > 0 ? "Content-Range: bytes \(start)-\(content.count - 1)/\(content.count)\r\n" : ""
    send(Array("HTTP/1.1 \(status)\r\nContent-Length: \(body.count)\r\n\(place)\r\n".utf8))
    send(Array(body.prefix(limit)))
  }
}

@Suite(.serialized, .enabled(if: ff_library(Int32(FF_LIB_CURL)).loaded != 0, "libcurl is not installed"))
struct DownloadTests {
  private let content: [UInt8] = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }

  private func hash(_ folder: TemporaryFolder) throws -> String {
    try SHA256.hash(file: try folder.write("whole", content))
  }

  @Test func aFileComesWholeAndIsReported() throws {
    let server = try FileServer(content), folder = try TemporaryFolder()
    defer { server.stop() }
    var last = (0, 0 as Int?)
    try Download.fetch(server.url("model.pth"), to: folder.file("model.pth"), hashPrefix: hash(folder)) {
      last = ($0, $1)
    }
    #expect(try bytes(of: folder.file("model.pth")) == content)
    #expect(last == (content.count, content.count))
    #expect(!FileManager.default.fileExists(atPath: folder.file("model.pth.download")))
  }

  @Test func anInterruptedDownloadGoesOn() throws {
    let server = try FileServer(content), folder = try TemporaryFolder()
    defer { server.stop() }
    let path = folder.file("model.pth")
    server.cutAfter = 70_000
    let message = fileError { try Download.fetch(server.url("model.pth"), to: path) }
    #expect(message.contains("70000 bytes are kept"), "\(message)")
    #expect(!FileManager.default.fileExists(atPath: path), "nothing stands where a whole file is expected")
    server.cutAfter = .max
    try Download.fetch(server.url("model.pth"), to: path, hashPrefix: hash(folder))
    #expect(try bytes(of: path) == content)
    #expect(server.requests.count == 2 && server.requests[1].contains("bytes=70000-"))
  }

  @Test func aServerWithoutRangesSendsAllAgain() throws {
    let server = try FileServer(content), folder = try TemporaryFolder()
    defer { server.stop() }
    server.takesRanges = false
    server.cutAfter = 1000
    #expect(throws: FileError.self) { try Download.fetch(server.url("a.pth"), to: folder.file("a.pth")) }
    server.cutAfter = .max
    try Download.fetch(server.url("a.pth"), to: folder.file("a.pth"), hashPrefix: hash(folder))
    #expect(try bytes(of: folder.file("a.pth")) == content)
  }

  @Test func wrongContentIsNotKept() throws {
    let server = try FileServer(content), folder = try TemporaryFolder()
    defer { server.stop() }
    let message = fileError {
      try Download.fetch(server.url("model-0123abcd.pth"), to: folder.file("m.pth"), hashPrefix: "0123abcd")
    }
    #expect(
      message.contains("SHA-256 begins with \(try hash(folder).prefix(8))") && message.contains("expected 0123abcd"))
    for name in ["m.pth", "m.pth.download"] { #expect(!FileManager.default.fileExists(atPath: folder.file(name))) }
  }

  @Test func failuresSayWhy() throws {
    let server = try FileServer(content), folder = try TemporaryFolder()
    #expect(fileError { try Download.fetch(server.url("missing"), to: folder.file("x")) }.contains("HTTP status 404"))
    #expect(!FileManager.default.fileExists(atPath: folder.file("x.download")))
    server.stop()
    #expect(fileError { try Download.fetch("ftp://127.0.0.1/x", to: folder.file("x")) }.contains("download failed"))
    #expect(fileError { try Download.fetch("nonsense", to: folder.file("x")) }.contains("download failed"))
    let nowhere = fileError { try Download.fetch(server.url("x"), to: folder.file("no/such/folder/x")) }
    #expect(nowhere.contains("cannot be written"))
  }

  @Test func filesOnThisMachineAreCopied() throws {
    let folder = try TemporaryFolder()
    let source = try folder.write("source", content)
    try Download.fetch("file://\(source)", to: folder.file("copy"))
    #expect(try bytes(of: folder.file("copy")) == content)
  }
}
