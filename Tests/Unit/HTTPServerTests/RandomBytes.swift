extension RandomNumberGenerator {
    /// Cuts bytes into pieces at random places; some pieces are a single byte, some are long.
    mutating func cut(_ bytes: [UInt8]) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        var start = 0
        let longest = [1, 3, 20, 200, 5000].randomElement(using: &self) ?? 1
        while start < bytes.count {
            let end = min(bytes.count, start + Int.random(in: 1...longest, using: &self))
            pieces.append(Array(bytes[start..<end]))
            start = end
        }
        return pieces
    }

    /// Changes bytes at random: one is replaced, put in, taken out, or a part comes twice, or is cut off.
    mutating func mutate(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...3, using: &self) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &self)
            // Mostly bytes that mean something to a parser.
            let telling = Array("\r\n\t :;,/0159afAF{\u{0}".utf8) + [0x7F, 0x80, 0xFF]
            let byte = telling.randomElement(using: &self) ?? 0
            switch Int.random(in: 0...4, using: &self) {
            case 0: bytes[place] = byte
            case 1: bytes.insert(byte, at: place)
            case 2: bytes.remove(at: place)
            case 3:
                let end = min(bytes.count, place + Int.random(in: 1...40, using: &self))
                bytes.insert(contentsOf: bytes[place..<end], at: place)
            default: bytes.removeLast(bytes.count - place)
            }
        }
        return bytes
    }
}
