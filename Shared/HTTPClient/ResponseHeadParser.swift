/// Collects the header lines that libcurl reports into one head, dropping interim responses and followed redirects.
struct ResponseHeadParser {
    enum Action: Equatable {
        /// More lines are needed.
        case none
        /// The head of the final response is complete.
        case complete
        /// The lines are more than the limits allow.
        case tooLarge
    }

    let bytesMax: Int
    let countMax: Int
    let followsRedirects: Bool
    private(set) var head = HTTPClientResponseHead(status: 0)
    private(set) var isComplete = false
    private var byteCount = 0

    init(bytesMax: Int, countMax: Int, followsRedirects: Bool) {
        self.bytesMax = bytesMax
        self.countMax = countMax
        self.followsRedirects = followsRedirects
    }

    /// Takes one line with its line break.
    ///
    /// Trailers, which come after the head, count against the limit and are dropped.
    mutating func receive(_ line: UnsafeRawBufferPointer) -> Action {
        byteCount += line.count
        guard byteCount <= bytesMax else { return .tooLarge }
        let text = trim(line[...])
        guard !isComplete else { return .none }
        if text.isEmpty {
            let isRedirect = (300..<400).contains(head.status) && head.headers["location"] != nil
            guard head.status >= 200, !(followsRedirects && isRedirect) else { return .none }
            isComplete = true
            return .complete
        }
        if text.starts(with: "HTTP/".utf8) {
            head = HTTPClientResponseHead(status: statusCode(text))
            return .none
        }
        guard let colon = text.firstIndex(of: UInt8(ascii: ":")) else { return .none }
        guard head.headers.count < countMax else { return .tooLarge }
        head.headers.append(
            String(decoding: text[..<colon], as: UTF8.self),
            String(decoding: trim(text[(colon + 1)...]), as: UTF8.self)
        )
        return .none
    }

    /// The body or the end came: what has been collected is the final head, even if it looked like a redirect.
    mutating func finish() -> Action {
        guard !isComplete, head.status >= 200 else { return .none }
        isComplete = true
        return .complete
    }

    private func statusCode(_ line: Slice<UnsafeRawBufferPointer>) -> Int {
        guard let space = line.firstIndex(of: UInt8(ascii: " ")) else { return 0 }
        let digits = line[(space + 1)...].prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
        guard digits.count == 3 else { return 0 }
        return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    private func trim(_ slice: Slice<UnsafeRawBufferPointer>) -> Slice<UnsafeRawBufferPointer> {
        var rest = slice
        while let last = rest.last, isSpace(last) { rest.removeLast() }
        while let first = rest.first, isSpace(first) { rest.removeFirst() }
        return rest
    }

    private func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A
    }
}
