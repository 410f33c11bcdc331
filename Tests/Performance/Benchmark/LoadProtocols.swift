import Glibc

/// As much of HTTP/1.1 and WebSocket as a load client needs.
enum LoadProtocols {
    /// A request with a JSON body.
    static func post(_ path: String, key: String, body: String) -> [UInt8] {
        post(head: postHead(path, key: key), body: body.utf8)
    }

    /// The head of a request with a JSON body, but for the body's length, so that it is made but once.
    static func postHead(_ path: String, key: String) -> [UInt8] {
        Array(
            """
            POST \(path) HTTP/1.1\r
            host: 127.0.0.1\r
            authorization: Bearer \(key)\r
            content-type: application/json\r
            content-length:\u{20}
            """.utf8
        )
    }

    /// A request of a head made before and a body.
    static func post(head: [UInt8], body: some Collection<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(head.count + body.count + 16)
        bytes += head
        bytes += String(body.count).utf8
        bytes += [13, 10, 13, 10]
        bytes += body
        return bytes
    }

    /// A request without a body.
    static func get(_ path: String, key: String) -> [UInt8] {
        Array("GET \(path) HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer \(key)\r\n\r\n".utf8)
    }

    /// The opening of a WebSocket.
    static func upgrade(_ path: String, key: String) -> [UInt8] {
        Array(
            """
            GET \(path) HTTP/1.1\r
            host: 127.0.0.1\r
            authorization: Bearer \(key)\r
            connection: Upgrade\r
            upgrade: websocket\r
            sec-websocket-version: 13\r
            sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r
            \r

            """.utf8
        )
    }

    /// A masked text frame; the mask is 0, which the protocol allows and which costs nothing.
    static func textFrame(_ text: String) -> [UInt8] {
        let payload = Array(text.utf8)
        var frame: [UInt8] = [0x81]
        if payload.count < 126 {
            frame.append(0x80 | UInt8(payload.count))
        } else {
            frame += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        }
        return frame + [0, 0, 0, 0] + payload
    }

    private static let contentLength = Array("content-length: ".utf8)

    /// The size of the first whole answer of the gateway in `bytes` and its status; nil when it is not whole.
    ///
    /// The gateway writes names of headers in small letters.
    static func answer(in bytes: [UInt8]) -> (size: Int, status: Int)? {
        guard let head = endOfHead(bytes), head >= 12 else { return nil }
        let status = number(in: bytes, at: 9)
        var length = 0
        var line = 0
        while line < head {
            if bytes[line] == contentLength[0], bytes[line..<head].starts(with: contentLength) {
                length = number(in: bytes, at: line + contentLength.count)
                break
            }
            while line < head, bytes[line] != 10 { line += 1 }
            line += 1
        }
        return bytes.count >= head + length ? (head + length, status) : nil
    }

    /// The decimal number that begins at `start`.
    private static func number(in bytes: [UInt8], at start: Int) -> Int {
        var number = 0
        var index = start
        while index < bytes.count, (48...57).contains(bytes[index]) {
            number = number * 10 + Int(bytes[index] - 48)
            index += 1
        }
        return number
    }

    /// Where the first head in `bytes` ends.
    static func endOfHead(_ bytes: [UInt8]) -> Int? {
        guard bytes.count >= 4 else { return nil }
        var index = 3
        // A line feed is rare: what is before it is looked at only there.
        while index < bytes.count {
            if bytes[index] == 10, bytes[index - 1] == 13, bytes[index - 2] == 10, bytes[index - 3] == 13 {
                return index + 1
            }
            index += 1
        }
        return nil
    }

    /// The first whole frame of a server in `bytes`; nil when it is not whole.
    static func frame(in bytes: [UInt8]) -> (size: Int, payload: ArraySlice<UInt8>)? {
        guard bytes.count >= 2 else { return nil }
        var length = Int(bytes[1] & 0x7F)
        var start = 2
        if length == 126 {
            guard bytes.count >= 4 else { return nil }
            length = Int(bytes[2]) << 8 | Int(bytes[3])
            start = 4
        } else if length == 127 {
            guard bytes.count >= 10 else { return nil }
            length = bytes[2..<10].reduce(0) { $0 << 8 | Int($1) }
            start = 10
        }
        guard bytes.count >= start + length else { return nil }
        return (start + length, bytes[start..<(start + length)])
    }
}
