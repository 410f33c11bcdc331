/// Writes the head of an answer (RFC 9112 §4).
struct HTTPResponseHead {
    /// Which of the headers about the message's length and the connection are sent.
    struct Framing {
        /// The length of the body; nil sends it in chunks, or on HTTP/1.0 up to the end of the connection.
        var length: Int?
        /// Whether the client speaks HTTP/1.0.
        var isHTTP10 = false
        /// Whether the connection stays for another request.
        var keepsAlive = true
    }

    /// Whether an answer of this status never has a body (RFC 9110 §6.4.1).
    static func hasNoBody(_ status: Int) -> Bool {
        status < 200 || status == 204 || status == 304
    }

    /// The head's bytes, with room for as many more as its length announces.
    /// - Parameters:
    ///   - response: Status and headers.
    ///   - framing: Length and connection.
    ///   - dateLine: The Date header's line.
    /// - Returns: The head, its blank line included.
    static func bytes(of response: HTTPResponse, _ framing: Framing, dateLine: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256 + (framing.length ?? 0))
        appendStatusLine(response.status, to: &bytes)
        bytes += dateLine
        append(response.headers, to: &bytes)
        if hasNoBody(response.status) {
            // Neither length nor coding: there is nothing that they could be about.
        } else if let length = framing.length {
            bytes.append("content-length: ")
            bytes.append(decimal: length)
            bytes.append("\r\n")
        } else if !framing.isHTTP10 {
            bytes.append("transfer-encoding: chunked\r\n")
        }
        if !framing.keepsAlive {
            bytes.append("connection: close\r\n")
        } else if framing.isHTTP10 {
            bytes.append("connection: keep-alive\r\n")
        }
        bytes.append("\r\n")
        return bytes
    }

    /// The head that turns a connection into a WebSocket (RFC 6455 §4.2.2).
    static func webSocket(accept: String, headers: [(String, String)]) -> [UInt8] {
        var bytes = Array("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n".utf8)
        bytes += "sec-websocket-accept: \(accept)\r\n".utf8
        append(headers, to: &bytes)
        bytes.append("\r\n")
        return bytes
    }

    private static func appendStatusLine(_ status: Int, to bytes: inout [UInt8]) {
        if status == 200 {
            bytes.append("HTTP/1.1 200 OK\r\n")
        } else {
            bytes.append("HTTP/1.1 ")
            bytes.append(decimal: status)
            bytes.append(.space)
            bytes += HTTPResponse.reason(of: status).utf8
            bytes.append("\r\n")
        }
    }

    private static func isName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.allSatisfy(\.isTokenCharacter)
    }

    /// Whether a header is the server's to set: those about the message's length and the connection, and the date.
    private static func isOfServer(_ name: String) -> Bool {
        switch name.utf8.count {
        case 4: name.lowercased() == "date"
        case 10: name.lowercased() == "connection"
        case 14: name.lowercased() == "content-length"
        case 17: name.lowercased() == "transfer-encoding"
        default: false
        }
    }

    private static func append(_ headers: [(String, String)], to bytes: inout [UInt8]) {
        for (name, value) in headers {
            // What is no name could begin a header of somebody else's choice, and what the server says itself must not
            // be said in another way too.
            guard isName(name), !isOfServer(name) else { continue }
            bytes += name.utf8
            bytes.append(": ")
            let start = bytes.count
            bytes += value.utf8
            for index in start..<bytes.count where bytes[index] < .space || bytes[index] == 127 {
                // A line break in a value would begin a header of somebody else's choice.
                bytes[index] = .space
            }
            bytes.append("\r\n")
        }
    }
}

extension [UInt8] {
    /// Adds the bytes of a literal.
    mutating func append(_ literal: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    /// Adds a number that is not negative, in decimal digits.
    mutating func append(decimal number: Int) {
        precondition(number >= 0, "lengths and statuses are not negative")
        let start = count
        var rest = number
        repeat {
            append(UInt8(48 + rest % 10))
            rest /= 10
        } while rest > 0
        self[start...].reverse()
    }

    /// Adds a number that is not negative, in hexadecimal digits.
    mutating func append(hexadecimal number: Int) {
        let start = count
        var rest = number
        repeat {
            let digit = UInt8(rest & 15)
            append(digit < 10 ? 48 + digit : 87 + digit)
            rest >>= 4
        } while rest > 0
        self[start...].reverse()
    }
}
