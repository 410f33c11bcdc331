import Glibc

/// As much of HTTP/1.1 and WebSocket as a load client needs.
enum LoadProtocols {
    /// The head of a request with a JSON body.
    static func post(_ path: String, key: String, body: String) -> [UInt8] {
        Array(
            """
            POST \(path) HTTP/1.1\r
            host: 127.0.0.1\r
            authorization: Bearer \(key)\r
            content-type: application/json\r
            content-length: \(body.utf8.count)\r
            \r
            \(body)
            """.utf8
        )
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

    /// The size of the first whole answer in `bytes` and its status; nil when it is not whole.
    static func answer(in bytes: [UInt8]) -> (size: Int, status: Int)? {
        guard let head = endOfHead(bytes) else { return nil }
        let text = String(decoding: bytes[0..<head], as: UTF8.self)
        let status = Int(text.dropFirst(9).prefix(3)) ?? 0
        var length = 0
        for line in text.split(separator: "\r\n") where line.lowercased().hasPrefix("content-length:") {
            length = Int(line.dropFirst(15).filter(\.isNumber)) ?? 0
        }
        return bytes.count >= head + length ? (head + length, status) : nil
    }

    /// Where the first head in `bytes` ends.
    static func endOfHead(_ bytes: [UInt8]) -> Int? {
        guard bytes.count >= 4 else { return nil }
        for index in 0...(bytes.count - 4)
        where bytes[index] == 13 && bytes[index + 1] == 10 && bytes[index + 2] == 13 && bytes[index + 3] == 10 {
            return index + 4
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
