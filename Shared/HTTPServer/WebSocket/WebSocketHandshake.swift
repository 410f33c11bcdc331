import OpenSSL

/// The opening handshake of RFC 6455 §4.
enum WebSocketHandshake {
    /// Whether this is 16 bytes in base64, which is what a client has to send (§4.1).
    static func isValid(key: String) -> Bool {
        let bytes = Array(key.utf8)
        return bytes.count == 24 && bytes.hasSuffix("==")
            && bytes.dropLast(2).allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
                    true
                default: false
                }
            }
    }

    /// What proves that the server has understood the request (§4.2.2): the key and a fixed text, hashed.
    static func accept(key: String) -> String {
        Digest.sha1Base64((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)
    }
}

extension [UInt8] {
    fileprivate func hasSuffix(_ text: String) -> Bool {
        suffix(text.utf8.count).elementsEqual(text.utf8)
    }
}
