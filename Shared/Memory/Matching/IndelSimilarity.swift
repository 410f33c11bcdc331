/// How alike two texts are, by insertions and deletions of characters (Unicode code points, as in Python).
///
/// 1 − d / (|a| + |b|), where d = |a| + |b| − 2 · LCS(a, b): the normalised indel similarity, which rapidfuzz calls
/// `fuzz.ratio` and gives in per cent. Two empty texts are the same.
package struct IndelSimilarity: Sendable {
    private let length: Int
    private let width: Int
    private var masks: [UInt64]
    /// The rows of the first 128 characters; 0 for one that the text lacks.
    private var asciiRows = [Int](repeating: 0, count: 128)
    private var otherRows: [UInt32: Int] = [:]
    private var vector: [UInt64]

    /// Prepares one of the two texts.
    package init(_ text: String) {
        self.init(joining: [text])
    }

    /// Prepares a text: the parts with a space between any two.
    package init(joining parts: [String]) {
        var scalars: [UInt32] = []
        for (place, part) in parts.enumerated() {
            if place > 0 { scalars.append(0x20) }
            scalars.append(contentsOf: part.unicodeScalars.map(\.value))
        }
        length = scalars.count
        width = max(1, (length + 63) / 64)
        vector = Array(repeating: 0, count: width)
        masks = Array(repeating: 0, count: width)
        for (position, scalar) in scalars.enumerated() {
            var row = self.row(of: scalar)
            if row == 0 {
                row = masks.count / width
                masks.append(contentsOf: repeatElement(0, count: width))
                if scalar < 128 { asciiRows[Int(scalar)] = row } else { otherRows[scalar] = row }
            }
            masks[row * width + position / 64] |= 1 << UInt64(position % 64)
        }
    }

    /// The similarity of two texts, 0 to 1.
    package static func ratio(_ left: String, _ right: String) -> Double {
        var prepared = IndelSimilarity(left)
        return prepared.ratio(joining: [right])
    }

    /// The similarity of the prepared text and another: the parts with a space between any two; 0 to 1.
    package mutating func ratio(joining parts: [String]) -> Double {
        var meter = WorkMeter(deadline: nil)
        return ratio(joining: parts, &meter)
    }

    /// The same; it stops when it is too late, and then what it returns means nothing.
    mutating func ratio(joining parts: [String], _ meter: inout WorkMeter) -> Double {
        var count = 0
        for word in 0..<width { vector[word] = .max }
        for (place, part) in parts.enumerated() {
            if place > 0 {
                count += 1
                step(row: asciiRows[0x20])
            }
            for scalar in part.unicodeScalars {
                count += 1
                meter.spend(width)
                if meter.isOver { return 0 }
                step(row: row(of: scalar.value))
            }
        }
        let total = length + count
        guard total > 0 else { return 1 }
        let distance = total - 2 * commonLength()
        // In per cent and back, as rapidfuzz's users do it: the last bit of some values depends on it.
        return (1 - Double(distance) / Double(total)) * 100 / 100
    }

    @inline(__always)
    private func row(of scalar: UInt32) -> Int {
        scalar < 128 ? asciiRows[Int(scalar)] : otherRows[scalar] ?? 0
    }

    /// One character of the other text: Hyyrö's recurrence, see ``StateMatcher``.
    @inline(__always)
    private mutating func step(row: Int) {
        guard row != 0 else { return }
        var carry: UInt64 = 0
        for word in 0..<width {
            let old = vector[word]
            let common = old & masks[row * width + word]
            let (partial, overflow) = old.addingReportingOverflow(common)
            let (sum, second) = partial.addingReportingOverflow(carry)
            carry = overflow || second ? 1 : 0
            vector[word] = sum | (old & ~common)
        }
    }

    private func commonLength() -> Int {
        var zeros = 0
        for (word, bits) in vector.enumerated() {
            let inside = min(64, length - word * 64)
            let used = inside >= 64 ? UInt64.max : inside <= 0 ? 0 : (1 << UInt64(inside)) - 1
            zeros += (~bits & used).nonzeroBitCount
        }
        return zeros
    }
}
