/// Why a pattern cannot be used.
struct PatternError: Error, Sendable, Equatable {
    let reason: String
}

/// A regular expression taken apart.
indirect enum PatternNode: Sendable, Equatable {
    case empty
    case set(ScalarSet)
    case sequence([PatternNode])
    case alternatives([PatternNode])
    case repetition(PatternNode, least: Int, most: Int?, isLazy: Bool)
    case capture(PatternNode, Int)
    case start
    case end
    case wordBoundary(isNegated: Bool)
    case look(PatternNode, isBehind: Bool, isNegated: Bool)
    case backreference(Int)
}

/// Reads regular expressions of ECMA-262 (§22.2.1) as JSON Schema means them: with the flag `u`, without any other.
///
/// Where the flag `u` makes braces and brackets without a partner an error, they are taken as themselves, like in Annex
/// B.
struct PatternParser {
    private let source: [UInt32]
    private var index = 0
    private var groupNames: [String: Int] = [:]
    private(set) var groupCount = 0
    private var namedReferences: [String] = []
    private var greatestReference = 0
    private var depth = 0

    static let depthMax = 64
    static let repetitionMax = 10_000

    init(_ source: String) {
        self.source = source.unicodeScalars.map(\.value)
    }

    /// Whether a backreference or a look-around was met: they need the backtracking matcher.
    private(set) var needsBacktracking = false

    mutating func parse() throws(PatternError) -> PatternNode {
        findGroupNames()
        let node = try alternatives()
        guard index == source.count else { throw PatternError(reason: "unbalanced parenthesis") }
        guard greatestReference <= groupCount else {
            throw PatternError(reason: "reference to a group that is missing")
        }
        return node
    }

    /// Names may be referred to before the group stands, so they are numbered first.
    private mutating func findGroupNames() {
        var number = 0
        var position = 0
        var isInClass = false
        while position < source.count {
            let value = source[position]
            if value == 0x5C {
                position += 1
            } else if value == 0x5B {
                isInClass = true
            } else if value == 0x5D {
                isInClass = false
            } else if value == 0x28, !isInClass {
                let next = position + 1 < source.count ? source[position + 1] : 0
                let isNamed =
                    next == 0x3F && position + 3 < source.count && source[position + 2] == 0x3C
                    && source[position + 3] != 0x3D && source[position + 3] != 0x21
                if next != 0x3F || isNamed { number += 1 }
                if isNamed {
                    let end = source[(position + 3)...].firstIndex(of: 0x3E) ?? source.count
                    groupNames[text(position + 3, end)] = number
                }
            }
            position += 1
        }
    }

    private func text(_ start: Int, _ end: Int) -> String {
        var view = String.UnicodeScalarView()
        for value in source[start..<end] { if let scalar = Unicode.Scalar(value) { view.append(scalar) } }
        return String(view)
    }

    // MARK: Cursor

    private var next: UInt32? { index < source.count ? source[index] : nil }

    private mutating func take(_ text: StaticString) -> Bool {
        let scalars = text.description.unicodeScalars.map(\.value)
        guard source[index...].starts(with: scalars) else { return false }
        index += scalars.count
        return true
    }

    // MARK: Structure

    private mutating func alternatives() throws(PatternError) -> PatternNode {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.depthMax else { throw PatternError(reason: "groups nest too deep") }
        var branches = [try sequence()]
        while take("|") { branches.append(try sequence()) }
        return branches.count == 1 ? branches[0] : .alternatives(branches)
    }

    private mutating func sequence() throws(PatternError) -> PatternNode {
        var terms: [PatternNode] = []
        while let value = next, value != 0x7C, value != 0x29 { terms.append(try term()) }
        return terms.count == 1 ? terms[0] : terms.isEmpty ? .empty : .sequence(terms)
    }

    private mutating func term() throws(PatternError) -> PatternNode {
        if take("^") { return .start }
        if take("$") { return .end }
        if take("\\b") { return .wordBoundary(isNegated: false) }
        if take("\\B") { return .wordBoundary(isNegated: true) }
        let atom = try atom()
        guard let (least, most) = try quantifier() else { return atom }
        if case .look = atom { throw PatternError(reason: "a look-around cannot be repeated") }
        return .repetition(atom, least: least, most: most, isLazy: take("?"))
    }

    private mutating func quantifier() throws(PatternError) -> (least: Int, most: Int?)? {
        if take("*") { return (0, nil) }
        if take("+") { return (1, nil) }
        if take("?") { return (0, 1) }
        let start = index
        guard take("{") else { return nil }
        guard let least = number() else {
            index = start
            return nil
        }
        var most: Int? = least
        if take(",") { most = number() }
        guard take("}") else {
            index = start
            return nil
        }
        if let most, most < least { throw PatternError(reason: "a repetition with its limits the wrong way round") }
        guard least <= Self.repetitionMax, (most ?? 0) <= Self.repetitionMax else {
            throw PatternError(reason: "more than \(Self.repetitionMax) repetitions")
        }
        return (least, most)
    }

    private mutating func number() -> Int? {
        let start = index
        var value = 0
        while let digit = next, digit >= 0x30, digit <= 0x39 {
            value = min(value * 10 + Int(digit - 0x30), Int.max / 100)
            index += 1
        }
        return index > start ? value : nil
    }

    private mutating func atom() throws(PatternError) -> PatternNode {
        guard let value = next else { throw PatternError(reason: "unexpected end") }
        index += 1
        switch value {
        case 0x2E: return .set(.dot)
        case 0x28: return try group()
        case 0x5B: return .set(try characterClass())
        case 0x5C: return try escape()
        case 0x2A, 0x2B, 0x3F: throw PatternError(reason: "nothing to repeat")
        default: return .set(ScalarSet(value))
        }
    }

    private mutating func group() throws(PatternError) -> PatternNode {
        var capture: Int?
        var look: (isBehind: Bool, isNegated: Bool)?
        if take("?:") {
            capture = nil
        } else if take("?=") {
            look = (false, false)
        } else if take("?!") {
            look = (false, true)
        } else if take("?<=") {
            look = (true, false)
        } else if take("?<!") {
            look = (true, true)
        } else if take("?<") {
            guard let end = source[index...].firstIndex(of: 0x3E), end > index else {
                throw PatternError(reason: "a group name without end")
            }
            index = end + 1
            groupCount += 1
            capture = groupCount
        } else if next == 0x3F {
            throw PatternError(reason: "a kind of group that does not exist")
        } else {
            groupCount += 1
            capture = groupCount
        }
        let inner = try alternatives()
        guard take(")") else { throw PatternError(reason: "unbalanced parenthesis") }
        if let look {
            needsBacktracking = true
            return .look(inner, isBehind: look.isBehind, isNegated: look.isNegated)
        }
        return capture.map { .capture(inner, $0) } ?? inner
    }

    // MARK: Escapes

    private mutating func escape() throws(PatternError) -> PatternNode {
        if let value = next, value >= 0x31, value <= 0x39 {
            let reference = number() ?? 0
            greatestReference = max(greatestReference, reference)
            needsBacktracking = true
            return .backreference(reference)
        }
        if take("k") {
            guard take("<"), let end = source[index...].firstIndex(of: 0x3E) else {
                throw PatternError(reason: "malformed reference to a named group")
            }
            guard let number = groupNames[text(index, end)] else {
                throw PatternError(reason: "reference to a group that is missing")
            }
            index = end + 1
            needsBacktracking = true
            return .backreference(number)
        }
        if let (ranges, properties) = try classEscape() { return .set(ScalarSet(ranges, properties: properties)) }
        return .set(ScalarSet(try characterEscape(isInClass: false)))
    }

    /// `\d` and its kin; nil when the escape is for one character.
    private mutating func classEscape() throws(PatternError) -> ([ClosedRange<UInt32>], [ScalarProperty])? {
        if take("d") { return (ScalarSet.digits, []) }
        if take("D") { return (ScalarSet.complement(ScalarSet.digits), []) }
        if take("w") { return (ScalarSet.words, []) }
        if take("W") { return (ScalarSet.complement(ScalarSet.words), []) }
        if take("s") { return (ScalarSet.spaces, []) }
        if take("S") { return (ScalarSet.complement(ScalarSet.spaces), []) }
        let isNegated = next == 0x50
        guard take("p") || take("P") else { return nil }
        guard take("{"), let end = source[index...].firstIndex(of: 0x7D) else {
            throw PatternError(reason: "malformed property escape")
        }
        guard let property = ScalarProperty(name: text(index, end), isNegated: isNegated) else {
            throw PatternError(reason: "a Unicode property that is not supported")
        }
        index = end + 1
        return ([], [property])
    }

    private mutating func characterEscape(isInClass: Bool) throws(PatternError) -> UInt32 {
        guard let value = next else { throw PatternError(reason: "a backslash at the end") }
        index += 1
        switch value {
        case 0x74: return 0x09
        case 0x6E: return 0x0A
        case 0x76: return 0x0B
        case 0x66: return 0x0C
        case 0x72: return 0x0D
        case 0x62 where isInClass: return 0x08
        case 0x30:
            if let digit = next, digit >= 0x30, digit <= 0x39 { throw PatternError(reason: "an octal escape") }
            return 0
        case 0x63:
            guard let letter = next, letter | 0x20 >= 0x61, letter | 0x20 <= 0x7A, letter < 0x80 else {
                throw PatternError(reason: "malformed control escape")
            }
            index += 1
            return letter & 0x1F
        case 0x78: return try hexadecimal(2)
        case 0x75: return try unicodeEscape()
        default:
            let isWord = ScalarSet.words.contains { $0.contains(value) }
            guard !isWord else { throw PatternError(reason: "an escape that does not exist") }
            return value
        }
    }

    private mutating func hexadecimal(_ count: Int) throws(PatternError) -> UInt32 {
        guard index + count <= source.count, let value = UInt32(text(index, index + count), radix: 16) else {
            throw PatternError(reason: "malformed hexadecimal escape")
        }
        index += count
        return value
    }

    private mutating func unicodeEscape() throws(PatternError) -> UInt32 {
        if take("{") {
            guard let end = source[index...].firstIndex(of: 0x7D), end - index <= 8,
                let value = UInt32(text(index, end), radix: 16), value <= 0x10FFFF
            else { throw PatternError(reason: "malformed Unicode escape") }
            index = end + 1
            return value
        }
        let high = try hexadecimal(4)
        guard high >= 0xD800, high < 0xDC00, take("\\u") else { return high }
        let low = try hexadecimal(4)
        guard low >= 0xDC00, low < 0xE000 else { throw PatternError(reason: "malformed surrogate pair") }
        return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)
    }

    // MARK: Classes

    private mutating func characterClass() throws(PatternError) -> ScalarSet {
        let isNegated = take("^")
        var ranges: [ClosedRange<UInt32>] = []
        var properties: [ScalarProperty] = []
        while !take("]") {
            guard let first = try classAtom(&ranges, &properties) else { continue }
            let dash = index
            if take("-"), let value = next, value != 0x5D {
                let before = (ranges.count, properties.count)
                if let last = try classAtom(&ranges, &properties) {
                    guard first <= last else { throw PatternError(reason: "a range the wrong way round") }
                    ranges.append(first...last)
                } else {
                    // A class such as \d cannot end a range: the dash stands for itself.
                    precondition((ranges.count, properties.count) != before, "a class adds to the set")
                    ranges += [first...first, 0x2D...0x2D]
                }
            } else {
                index = dash
                ranges.append(first...first)
            }
        }
        return ScalarSet(ranges, properties: properties, isNegated: isNegated)
    }

    /// One character of a class, or nil after adding a whole class such as `\d`.
    private mutating func classAtom(
        _ ranges: inout [ClosedRange<UInt32>],
        _ properties: inout [ScalarProperty]
    ) throws(PatternError) -> UInt32? {
        guard let value = next else { throw PatternError(reason: "a character class without end") }
        index += 1
        guard value == 0x5C else { return value }
        if let (more, property) = try classEscape() {
            ranges += more
            properties += property
            return nil
        }
        return try characterEscape(isInClass: true)
    }
}
