import COpenSSL

/// Message digests, by OpenSSL.
package enum Digest {
    /// SHA-256 (FIPS 180-4) of `bytes` in 64 lower-case hexadecimal digits.
    package static func sha256Hex(_ bytes: some Collection<UInt8>) -> String {
        let input = Array(bytes)
        var output = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        SHA256(input, input.count, &output)
        return hex(output)
    }
}

extension Digest {
    /// The bytes as lower-case hexadecimal digits.
    package static func hex(_ bytes: [UInt8]) -> String {
        String(unsafeUninitializedCapacity: bytes.count * 2) { text in
            for (index, byte) in bytes.enumerated() {
                for (place, nibble) in [byte >> 4, byte & 15].enumerated() {
                    text[index * 2 + place] = nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10
                }
            }
            return bytes.count * 2
        }
    }

    /// SHA-1 (FIPS 180-4) of `bytes`, 20 bytes: for names that other systems gave, never for secrecy.
    package static func sha1(_ bytes: some Collection<UInt8>) -> [UInt8] {
        let input = Array(bytes)
        var output = [UInt8](repeating: 0, count: Int(SHA_DIGEST_LENGTH))
        SHA1(input, input.count, &output)
        return output
    }

    /// SHA-1 of `bytes` in base64: for protocols that ask for it, such as WebSocket's handshake, never for secrecy.
    package static func sha1Base64(_ bytes: some Collection<UInt8>) -> String {
        let output = sha1(bytes)
        var text = [UInt8](repeating: 0, count: (output.count + 2) / 3 * 4 + 1)
        let count = EVP_EncodeBlock(&text, output, Int32(output.count))
        return String(decoding: text[0..<Int(count)], as: UTF8.self)
    }
}
