import Testing

@testable import HTTPServer

/// What a parser made of bytes.
struct ParserOutcome: Equatable {
    /// A request as it was read.
    struct Request: Equatable {
        var line: String
        var headers: [String]
        var body: [UInt8] = []
        var keepsAlive: Bool
        var isComplete = false
    }

    var requests: [Request] = []
    var failure: HTTPParseFailure?

    var status: Int? { failure?.status }
    var completeRequests: [Request] { requests.filter(\.isComplete) }
}

/// Feeds a parser the way a connection does: what is not consumed is given again, with what came behind it.
struct ParserDriver {
    var headBytesMax = 16 << 10
    var headersMax = 100

    func parse(_ text: String) -> ParserOutcome {
        parse([Array(text.utf8)])
    }

    func parse(_ pieces: [[UInt8]]) -> ParserOutcome {
        var parser = HTTPRequestParser(headBytesMax: headBytesMax, headersMax: headersMax)
        var outcome = ParserOutcome()
        var waiting: [UInt8] = []
        for piece in pieces {
            waiting += piece
            waiting.removeFirst(feed(waiting, to: &parser, &outcome))
            if outcome.failure != nil { break }
        }
        return outcome
    }

    private func feed(_ bytes: [UInt8], to parser: inout HTTPRequestParser, _ outcome: inout ParserOutcome) -> Int {
        var offset = 0
        // Each round consumes a byte or ends a request; one more than that and it would turn for ever.
        for _ in 0...(2 * bytes.count + 2) {
            let isInBody = outcome.requests.last.map { !$0.isComplete } ?? false
            if offset == bytes.count, !(isInBody && parser.needsNoMoreBytes) { return offset }
            var used = 0
            let (event, body) = bytes.withUnsafeBufferPointer { buffer in
                let event = parser.feed(UnsafeBufferPointer(rebasing: buffer[offset...]), used: &used)
                return (event, Array(parser.body))
            }
            offset += used
            if offset > bytes.count || body.count > used {
                Issue.record("the parser consumed \(used) bytes and gave \(body.count) of \(bytes.count)")
                return bytes.count
            }
            if !body.isEmpty { outcome.requests[outcome.requests.count - 1].body += body }
            switch event {
            case .more:
                if used == 0 { return offset }
            case .head:
                outcome.requests.append(
                    ParserOutcome.Request(
                        line: "\(parser.method) \(parser.target) \(parser.minorVersion)",
                        headers: parser.headers.map { "\($0.name)=\($0.value)" },
                        keepsAlive: parser.keepsAlive
                    )
                )
            case .done:
                outcome.requests[outcome.requests.count - 1].isComplete = true
            case .failed(let failure):
                outcome.failure = failure
                return offset
            }
        }
        Issue.record("the parser makes no progress")
        return bytes.count
    }
}
