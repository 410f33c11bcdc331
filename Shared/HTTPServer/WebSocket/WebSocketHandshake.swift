import OpenSSL

/// The opening handshake of RFC 6455 §4.
enum WebSocketHandshake {
    /// What proves that the server has understood the request (§4.2.2): the key and a fixed text, hashed.
    static func accept(key: String) -> String {
        Digest.sha1Base64((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)
    }
}
