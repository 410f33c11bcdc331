/// Which members or items of one value some schema has looked at: what `unevaluatedProperties` and `unevaluatedItems`
/// leave alone.
///
/// Positions in the object or array, as bits.
struct Evaluated {
    private var all = false
    private var words: [UInt64] = []

    func contains(_ position: Int) -> Bool {
        if all { return true }
        let word = position >> 6
        return word < words.count && words[word] >> UInt64(position & 63) & 1 == 1
    }

    mutating func insert(_ position: Int) {
        let word = position >> 6
        while words.count <= word { words.append(0) }
        words[word] |= 1 << UInt64(position & 63)
    }

    mutating func insertAll() { all = true }

    mutating func formUnion(_ other: Evaluated) {
        all = all || other.all
        while words.count < other.words.count { words.append(0) }
        for (position, word) in other.words.enumerated() { words[position] |= word }
    }
}
