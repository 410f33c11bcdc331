import HTTPServer
import TestKit
import Testing

/// The integration tests of the HTTP server: real sockets, and bytes that no client library would send.
///
/// They run beside others: what is measured of time is that a limit was waited for, never that little time went by.
@Suite(.timeLimit(.minutes(2)))
enum HTTPServerIntegrationTests {}

/// The default configuration with changes.
func configured(_ change: (inout HTTPServerConfiguration) -> Void) -> HTTPServerConfiguration {
    var configuration = HTTPServerConfiguration()
    change(&configuration)
    return configuration
}

/// Runs a server for the time of `body`.
func withServer<Result>(
    _ configuration: HTTPServerConfiguration = HTTPServerConfiguration(),
    handler: @escaping HTTPHandler = { try await TestApplication.handle($0) },
    _ body: (UInt16) async throws -> Result
) async throws -> Result {
    let server = HTTPListener(configuration: configuration, handler: handler)
    let port = try await server.start()
    do {
        let result = try await body(port)
        await server.shutdown(gracePeriod: .seconds(1))
        return result
    } catch {
        await server.shutdown(gracePeriod: .zero)
        throw error
    }
}

/// Sends bytes to a server and gives everything that it says until it closes.
func answer(_ port: UInt16, to request: String) async throws -> String {
    let socket = try await RawSocket.connect(port: port)
    try await socket.write(request)
    return String(decoding: try await socket.readToEnd(), as: UTF8.self)
}

/// An answer, taken apart.
struct RawResponse {
    let statusLine: String
    let headers: [String: String]
    let body: [UInt8]
    /// The sizes of the chunks that the body came in; empty when it came with its length.
    let chunks: [Int]

    var status: Int { Int(statusLine.split(separator: " ").dropFirst().first ?? "") ?? 0 }
    var text: String { String(decoding: body, as: UTF8.self) }
    /// The detail of a problem document's text; nil when the body is something else.
    var isProblem: Bool {
        headers["content-type"] == "application/problem+json" && text.contains("\"status\":\(status)")
            && text.contains("\"title\":") && text.contains("\"code\":\"") && text.contains("\"detail\":")
    }
}

extension RawSocket {
    /// Reads one answer with its body.
    func readResponse(withoutBody: Bool = false) async throws -> RawResponse {
        let head = String(decoding: try await read(until: "\r\n\r\n"), as: UTF8.self)
        var lines = head.components(separatedByLines: "\r\n")
        let statusLine = lines.removeFirst()
        var headers: [String: String] = [:]
        for line in lines where !line.isEmpty {
            let parts = line.split(separator: ":", maxSplits: 1)
            let (name, value) = (parts[0].lowercased(), parts[1].drop { $0 == " " })
            #expect(headers[name] == nil, "\(name) comes twice")
            headers[name] = String(value)
        }
        var body: [UInt8] = []
        var chunks: [Int] = []
        if !withoutBody, headers["transfer-encoding"] == "chunked" {
            while let chunk = try await readChunk() {
                chunks.append(chunk.count)
                body += chunk
            }
        } else if !withoutBody, let length = headers["content-length"].flatMap({ Int($0) }) {
            body = try await read(count: length)
        }
        return RawResponse(statusLine: statusLine, headers: headers, body: body, chunks: chunks)
    }

    /// Reads one chunk; nil for the last.
    func readChunk() async throws -> [UInt8]? {
        let line = String(decoding: try await read(until: "\r\n").dropLast(2), as: UTF8.self)
        let size = try #require(Int(line, radix: 16), "a chunk begins with \(line)")
        let bytes = try await read(count: size)
        #expect(try await read(count: 2) == [13, 10])
        return size == 0 ? nil : bytes
    }
}

extension String {
    /// The parts between occurrences of `separator`.
    func components(separatedByLines separator: String) -> [String] {
        var parts: [String] = []
        var rest = self[...]
        while let range = rest.firstRange(of: separator) {
            parts.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return parts + [String(rest)]
    }
}
