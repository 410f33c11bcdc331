/// A regular expression as instructions, for either matcher.
struct PatternProgram: Sendable {
    enum Instruction: Sendable {
        /// Takes one scalar of the set.
        case set(Int)
        /// Goes on at both places, the first one preferred.
        case split(Int, Int)
        case jump(Int)
        case start
        case end
        case wordBoundary(isNegated: Bool)
        /// Notes the position in a slot (captures, loops).
        case save(Int)
        /// Fails when the position is still the one in the slot: a loop whose body took nothing.
        case progress(Int)
        case backreference(Int)
        /// Looks around with the instructions that follow, up to their `match`; then goes on at `next`.
        case look(isBehind: Bool, isNegated: Bool, next: Int)
        case match
    }

    /// More would make a match slow and its memory large.
    static let instructionsMax = 20_000

    private(set) var instructions: [Instruction] = []
    private(set) var sets: [ScalarSet] = []
    private(set) var slotCount: Int

    init(_ node: PatternNode, groupCount: Int) throws(PatternError) {
        slotCount = 2 * (groupCount + 1)
        try append(node)
        try emit(.match)
    }

    @discardableResult
    private mutating func emit(_ instruction: Instruction) throws(PatternError) -> Int {
        guard instructions.count < Self.instructionsMax else { throw PatternError(reason: "the pattern is too large") }
        instructions.append(instruction)
        return instructions.count - 1
    }

    private mutating func append(_ node: PatternNode) throws(PatternError) {
        switch node {
        case .empty: break
        case .set(let set): try emit(.set(position(of: set)))
        case .sequence(let nodes):
            for node in nodes { try append(node) }
        case .alternatives(let branches): try append(alternatives: branches)
        case .repetition(let body, let least, let most, let isLazy):
            for _ in 0..<least { try append(body) }
            if let most {
                try append(optional: body, times: most - least, isLazy: isLazy)
            } else {
                try append(loop: body, isLazy: isLazy)
            }
        case .capture(let body, let number):
            try emit(.save(2 * number))
            try append(body)
            try emit(.save(2 * number + 1))
        case .start: try emit(.start)
        case .end: try emit(.end)
        case .wordBoundary(let isNegated): try emit(.wordBoundary(isNegated: isNegated))
        case .look(let body, let isBehind, let isNegated):
            let position = try emit(.match)
            try append(body)
            try emit(.match)
            instructions[position] = .look(isBehind: isBehind, isNegated: isNegated, next: instructions.count)
        case .backreference(let number): try emit(.backreference(number))
        }
    }

    private mutating func position(of set: ScalarSet) -> Int {
        if let known = sets.lastIndex(of: set) { return known }
        sets.append(set)
        return sets.count - 1
    }

    private mutating func append(alternatives branches: [PatternNode]) throws(PatternError) {
        var jumps: [Int] = []
        for branch in branches.dropLast() {
            let split = try emit(.match)
            try append(branch)
            jumps.append(try emit(.match))
            instructions[split] = .split(split + 1, instructions.count)
        }
        if let last = branches.last { try append(last) }
        for jump in jumps { instructions[jump] = .jump(instructions.count) }
    }

    private mutating func append(optional body: PatternNode, times: Int, isLazy: Bool) throws(PatternError) {
        var splits: [Int] = []
        for _ in 0..<times {
            splits.append(try emit(.match))
            try append(body)
        }
        for split in splits {
            let end = instructions.count
            instructions[split] = isLazy ? .split(end, split + 1) : .split(split + 1, end)
        }
    }

    private mutating func append(loop body: PatternNode, isLazy: Bool) throws(PatternError) {
        let slot = slotCount
        slotCount += 1
        let split = try emit(.match)
        try emit(.save(slot))
        try append(body)
        try emit(.progress(slot))
        try emit(.jump(split))
        let end = instructions.count
        instructions[split] = isLazy ? .split(end, split + 1) : .split(split + 1, end)
    }
}

/// The scalars of a UTF-8 text that is known to be well-formed.
struct ScalarText {
    let bytes: UnsafeBufferPointer<UInt8>

    var count: Int { bytes.count }

    /// The scalar at a position and where the next one starts.
    @inline(__always)
    func scalar(at position: Int) -> (value: UInt32, next: Int) {
        let first = UInt32(bytes[position])
        if first < 0x80 { return (first, position &+ 1) }
        let second = UInt32(bytes[position &+ 1] & 0x3F)
        if first < 0xE0 { return ((first & 0x1F) << 6 | second, position &+ 2) }
        let third = UInt32(bytes[position &+ 2] & 0x3F)
        if first < 0xF0 { return ((first & 0x0F) << 12 | second << 6 | third, position &+ 3) }
        let fourth = UInt32(bytes[position &+ 3] & 0x3F)
        return ((first & 0x07) << 18 | second << 12 | third << 6 | fourth, position &+ 4)
    }

    /// Whether exactly one of the neighbours of a position is a word character.
    func isWordBoundary(_ position: Int) -> Bool {
        let before = position > 0 && Self.isWord(bytes[position - 1])
        let after = position < count && Self.isWord(bytes[position])
        return before != after
    }

    /// Word characters are ASCII, so a byte tells.
    private static func isWord(_ byte: UInt8) -> Bool {
        (byte >= 0x30 && byte <= 0x39) || (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A) || byte == 0x5F
    }
}
