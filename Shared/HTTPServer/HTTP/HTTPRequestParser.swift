import Glibc

/// A strict, incremental parser of HTTP/1.1 requests (RFC 9112), without I/O.
///
/// A head is parsed in one pass once its blank line is there; until then nothing is consumed, and the caller keeps the
/// bytes. What two parsers could read in two ways is refused, because a proxy in front might be the other one: bare LF,
/// folded headers, spaces before a colon, Content-Length together with Transfer-Encoding or twice, any transfer coding
/// but chunked, a missing or second Host.
struct HTTPRequestParser {
    /// What feeding bytes led to.
    enum Event: Equatable {
        /// More bytes are needed, or more of what was given can be fed.
        case more
        /// A head is complete.
        case head
        /// The message is complete.
        case done
        /// The request cannot be served.
        case failed(HTTPParseFailure)
    }

    private enum State {
        case head
        case length
        case chunkSize
        case chunkData
        case chunkEnd
        case trailer
        case finished
    }

    /// The method, such as GET.
    private(set) var method = ""
    /// The target as it came.
    private(set) var target = ""
    /// The minor version: 0 or 1.
    private(set) var minorVersion = 1
    /// The headers.
    private(set) var headers = HTTPHeaders()
    /// The length that the head announces.
    private(set) var contentLength: Int?
    /// Whether the body comes in chunks.
    private(set) var isChunked = false
    /// Whether the connection may stay for another request.
    private(set) var keepsAlive = true
    /// Whether the request asks for another protocol.
    private(set) var asksUpgrade = false
    /// Whether bytes of a head have come whose end has not.
    private(set) var hasBegun = false
    /// The piece of the body that the last call of ``feed(_:used:)`` found; valid as long as its bytes are.
    private(set) var body = UnsafeBufferPointer<UInt8>(start: nil, count: 0)

    private let headBytesMax: Int
    private let headersMax: Int
    private var state = State.head
    private var scanned = 0
    private var hosts = 0
    private var remaining = 0
    private var trailerBytes = 0
    /// How many bytes of empty lines before the request were consumed.
    private var blankBytes = 0

    /// How much of empty lines before a request is ignored: two CRLF.
    private static let blankBytesMax = 4
    /// The longest line that may announce a chunk.
    private static let chunkLineBytesMax = 256
    /// The largest chunk, above any body limit.
    private static let chunkBytesMax = 0x7FFF_FFFF

    /// Makes a parser.
    init(headBytesMax: Int, headersMax: Int) {
        self.headBytesMax = headBytesMax
        self.headersMax = headersMax
    }

    /// Whether the body has no byte that has not been fed.
    var needsNoMoreBytes: Bool { state == .length && remaining == 0 }

    /// Reads on.
    /// - Parameters:
    ///   - bytes: What has come and was not consumed.
    ///   - used: How many of them were consumed.
    /// - Returns: What they led to.
    mutating func feed(_ bytes: UnsafeBufferPointer<UInt8>, used: inout Int) -> Event {
        body = .init(start: nil, count: 0)
        used = 0
        switch state {
        case .finished:
            reset()
            return feedHead(bytes, &used)
        case .head: return feedHead(bytes, &used)
        case .length: return feedLength(bytes, &used)
        case .chunkSize: return feedChunkSize(bytes, &used)
        case .chunkData: return feedChunkData(bytes, &used)
        case .chunkEnd: return feedChunkEnd(bytes, &used)
        case .trailer: return feedTrailer(bytes, &used)
        }
    }

    private mutating func reset() {
        state = .head
        scanned = 0
        headers = HTTPHeaders()
        contentLength = nil
        isChunked = false
        keepsAlive = true
        asksUpgrade = false
        hosts = 0
    }

    // MARK: Head

    private mutating func feedHead(_ bytes: UnsafeBufferPointer<UInt8>, _ used: inout Int) -> Event {
        // RFC 9112 §2.2: a server should ignore empty lines before a request.
        var start = 0
        while start < bytes.count, blankBytes + start < Self.blankBytesMax,
            bytes[start] == .carriageReturn || bytes[start] == .lineFeed
        {
            start += 1
        }
        if start == bytes.count {
            used = start
            blankBytes += start
            return .more
        }
        hasBegun = true
        guard let end = findEnd(bytes, from: start) else {
            if bytes.count - start >= headBytesMax { return .failed(.headTooLarge) }
            // What cannot begin a method, such as a TLS hello, is refused before its end, which may never come.
            if !bytes[start].isTokenCharacter { return .failed(.malformed("the request line has no method")) }
            // A head with bare LF has no end that counts, and would only run into the time limit.
            if hasBareLineFeed(bytes, from: max(start, scanned)) {
                return .failed(.malformed("a line ends in bare LF"))
            }
            scanned = bytes.count
            return .more
        }
        var head = HTTPHeadReader(bytes: bytes, index: start, end: end)
        if let failure = read(&head) { return .failed(failure) }
        used = end + 2
        scanned = 0
        blankBytes = 0
        remaining = contentLength ?? 0
        state = isChunked ? .chunkSize : .length
        return .head
    }

    /// Where the CR of the blank line stands.
    private func findEnd(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
        guard let base = bytes.baseAddress else { return nil }
        let limit = min(bytes.count, start + headBytesMax)
        var index = max(start, scanned > 3 ? scanned - 3 : 0)
        while index + 3 < limit {
            guard let found = memchr(base + index, Int32(UInt8.carriageReturn), limit - index) else { return nil }
            index = base.distance(to: found.assumingMemoryBound(to: UInt8.self))
            if index + 3 < limit, bytes[index + 1] == .lineFeed, bytes[index + 2] == .carriageReturn,
                bytes[index + 3] == .lineFeed
            {
                return index + 2
            }
            index += 1
        }
        return nil
    }

    private func hasBareLineFeed(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Bool {
        var rest = bytes[start...]
        while let index = rest.firstIndex(of: .lineFeed) {
            if index == 0 || bytes[index - 1] != .carriageReturn { return true }
            rest = bytes[(index + 1)...]
        }
        return false
    }

    private mutating func read(_ head: inout HTTPHeadReader) -> HTTPParseFailure? {
        guard let line = head.requestLine() else { return .malformed("the request line is not METHOD TARGET HTTP/1.1") }
        guard line.major == 1, line.minor <= 1 else { return .versionNotSupported }
        guard Self.isTarget(line.target, method: line.method) else {
            return .malformed("the target is neither a path nor a URL")
        }
        method = line.method
        target = line.target
        minorVersion = line.minor
        keepsAlive = minorVersion == 1
        while !head.isAtEnd {
            guard let field = head.field() else { return .malformed("a header is not NAME: VALUE") }
            if headers.count >= headersMax { return .tooManyHeaders }
            if let failure = note(field.name, field.value) { return failure }
            headers.append(name: field.name, value: field.value)
        }
        if isChunked, contentLength != nil { return .malformed("Content-Length and Transfer-Encoding together") }
        if hosts > 1 || hosts == 0 && minorVersion == 1 { return .malformed("there must be exactly one Host") }
        return nil
    }

    /// Whether this is a target of RFC 9112 §3.2: a path, an absolute URL, `*` for OPTIONS, an authority for CONNECT.
    private static func isTarget(_ target: String, method: String) -> Bool {
        let bytes = target.utf8
        // A fragment is never sent.
        if bytes.contains(UInt8(ascii: "#")) { return false }
        if bytes.first == UInt8(ascii: "/") { return true }
        if method == "CONNECT" { return bytes.allSatisfy(\.isHostCharacter) }
        if target == "*" { return method == "OPTIONS" }
        let start = target.prefix(8).lowercased()
        return start.hasPrefix("http://") || start.hasPrefix("https://")
    }

    private mutating func note(_ name: String, _ value: String) -> HTTPParseFailure? {
        switch name {
        case "host":
            hosts += 1
            if !value.utf8.allSatisfy(\.isHostCharacter) { return .malformed("the Host is not valid") }
        case "content-length":
            guard contentLength == nil else { return .malformed("there are two Content-Length") }
            guard (1...15).contains(value.utf8.count), value.utf8.allSatisfy(\.isDigit), let length = Int(value) else {
                return .malformed("the Content-Length is not a number")
            }
            contentLength = length
        case "transfer-encoding":
            guard !isChunked, minorVersion == 1 else { return .malformed("the Transfer-Encoding is not valid") }
            guard value.lowercased() == "chunked" else { return .codingNotSupported }
            isChunked = true
        case "connection":
            for token in value.lowercased().split(separator: ",") {
                switch token.drop(while: { $0 == " " || $0 == "\t" }).prefix(while: { $0 != " " && $0 != "\t" }) {
                case "close": keepsAlive = false
                case "keep-alive": if minorVersion == 0 { keepsAlive = true }
                case "upgrade": asksUpgrade = true
                default: break
                }
            }
        default:
            break
        }
        return nil
    }

    // MARK: Body

    private mutating func take(_ bytes: UnsafeBufferPointer<UInt8>, _ used: inout Int) {
        let count = min(remaining, bytes.count)
        body = UnsafeBufferPointer(rebasing: bytes[0..<count])
        used = count
        remaining -= count
    }

    private mutating func finish() -> Event {
        state = .finished
        hasBegun = false
        return .done
    }

    private mutating func feedLength(_ bytes: UnsafeBufferPointer<UInt8>, _ used: inout Int) -> Event {
        take(bytes, &used)
        return remaining == 0 ? finish() : .more
    }

    private mutating func feedChunkSize(_ bytes: UnsafeBufferPointer<UInt8>, _ used: inout Int) -> Event {
        guard let lineEnd = bytes.prefix(Self.chunkLineBytesMax).firstIndex(of: .lineFeed) else {
            return bytes.count >= Self.chunkLineBytesMax
                ? .failed(.malformed("a chunk's first line is too long")) : .more
        }
        guard lineEnd >= 2, bytes[lineEnd - 1] == .carriageReturn else {
            return .failed(.malformed("a chunk does not begin with its size"))
        }
        var size = 0
        var digits = 0
        while digits < lineEnd - 1, let digit = bytes[digits].hexadecimalValue {
            size = size << 4 | digit
            digits += 1
            if size > Self.chunkBytesMax { return .failed(.malformed("a chunk is too large")) }
        }
        guard digits > 0, Self.isChunkExtension(bytes[digits..<(lineEnd - 1)]) else {
            return .failed(.malformed("a chunk does not begin with its size"))
        }
        used = lineEnd + 1
        remaining = size
        trailerBytes = 0
        state = size == 0 ? .trailer : .chunkData
        return .more
    }

    /// Whether this may stand behind a chunk's size: nothing, or `;` and text, perhaps after blanks (RFC 9112 §7.1.1).
    private static func isChunkExtension(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        if bytes.isEmpty { return true }
        let isText = bytes.allSatisfy { $0 >= .space && $0 != 127 || $0 == .tab }
        return isText && bytes.first { $0 != .space && $0 != .tab } == UInt8(ascii: ";")
    }

    private mutating func feedChunkData(_ bytes: UnsafeBufferPointer<UInt8>, _ used: inout Int) -> Event {
        take(bytes, &used)
        if remaining == 0 { state = .chunkEnd }
        return .more
    }

    private mutating func feedChunkEnd(_ bytes: UnsafeBufferPointer<UInt8>, _ used: inout Int) -> Event {
        if bytes.count < 2 { return .more }
        guard bytes[0] == .carriageReturn, bytes[1] == .lineFeed else {
            return .failed(.malformed("a chunk is longer than its size"))
        }
        used = 2
        state = .chunkSize
        return .more
    }

    private mutating func feedTrailer(_ bytes: UnsafeBufferPointer<UInt8>, _ used: inout Int) -> Event {
        guard let lineEnd = bytes.firstIndex(of: .lineFeed) else {
            return trailerBytes + bytes.count > headBytesMax ? .failed(.headTooLarge) : .more
        }
        if lineEnd == 0 || bytes[lineEnd - 1] != .carriageReturn {
            return .failed(.malformed("a trailer ends in bare LF"))
        }
        used = lineEnd + 1
        trailerBytes += used
        if trailerBytes > headBytesMax { return .failed(.headTooLarge) }
        return lineEnd == 1 ? finish() : .more
    }
}
