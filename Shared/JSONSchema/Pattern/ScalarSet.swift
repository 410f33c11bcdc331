/// A set of Unicode scalars: a bitmap for ASCII, ranges and properties for the rest.
struct ScalarSet: Sendable, Equatable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0
    private var ranges: [ClosedRange<UInt32>]
    private var properties: [ScalarProperty]
    private var isNegated: Bool

    init(_ ranges: [ClosedRange<UInt32>], properties: [ScalarProperty] = [], isNegated: Bool = false) {
        self.ranges = ranges.filter { $0.upperBound >= 128 }
        self.properties = properties
        self.isNegated = isNegated
        for value in UInt32(0)..<128 {
            let isMember = ranges.contains { $0.contains(value) } || properties.contains { $0.holds(for: value) }
            guard isMember != isNegated else { continue }
            if value < 64 { low |= 1 << UInt64(value) } else { high |= 1 << UInt64(value - 64) }
        }
    }

    init(_ scalar: UInt32) { self.init([scalar...scalar]) }

    /// Whether no scalar above U+007F belongs to the set.
    var isASCII: Bool { ranges.isEmpty && properties.isEmpty && !isNegated }

    @inline(__always)
    func contains(_ value: UInt32) -> Bool {
        if value < 64 { return low >> UInt64(value) & 1 == 1 }
        if value < 128 { return high >> UInt64(value &- 64) & 1 == 1 }
        return containsBeyondASCII(value)
    }

    @inline(never)
    private func containsBeyondASCII(_ value: UInt32) -> Bool {
        let isMember = ranges.contains { $0.contains(value) } || properties.contains { $0.holds(for: value) }
        return isMember != isNegated
    }

    /// Whether the sets surely have nothing in common; may say no where they have not.
    func isDisjoint(with other: ScalarSet) -> Bool {
        (isASCII || other.isASCII) && low & other.low == 0 && high & other.high == 0
    }

    // MARK: Sets that escapes stand for

    static let digits: [ClosedRange<UInt32>] = [0x30...0x39]
    static let words: [ClosedRange<UInt32>] = [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A]
    /// WhiteSpace and LineTerminator of ECMA-262 §12.2 and §12.3.
    static let spaces: [ClosedRange<UInt32>] = [
        0x09...0x0D, 0x20...0x20, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029, 0x202F...0x202F,
        0x205F...0x205F, 0x3000...0x3000, 0xFEFF...0xFEFF,
    ]
    /// What a dot stands for: anything but a line terminator.
    static let dot = ScalarSet([0x0A...0x0A, 0x0D...0x0D, 0x2028...0x2029], isNegated: true)

    /// Everything outside of ranges that are sorted and apart.
    static func complement(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
        var result: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges {
            if range.lowerBound > next { result.append(next...(range.lowerBound - 1)) }
            next = range.upperBound + 1
        }
        result.append(next...0x10FFFF)
        return result
    }
}

/// A Unicode property that `\p{…}` names.
struct ScalarProperty: Sendable, Equatable {
    private enum Kind: Sendable, Equatable {
        case categories(Set<Unicode.GeneralCategory>)
        case binary(Binary)
    }

    private enum Binary: String, Sendable {
        case any = "Any"
        case ascii = "ASCII"
        case assigned = "Assigned"
        case alphabetic = "Alphabetic"
        case alpha = "Alpha"
        case uppercase = "Uppercase"
        case lowercase = "Lowercase"
        case whiteSpace = "White_Space"
        case idStart = "ID_Start"
        case idContinue = "ID_Continue"
        case emoji = "Emoji"
        case hexDigit = "Hex_Digit"
        case asciiHexDigit = "ASCII_Hex_Digit"
        case ideographic = "Ideographic"
        case dash = "Dash"
        case math = "Math"
    }

    private let kind: Kind
    private let isNegated: Bool

    /// Nil when the name is none of those that are supported: general categories and some binary properties.
    init?(name: String, isNegated: Bool) {
        self.isNegated = isNegated
        var value = name
        for prefix in ["General_Category=", "gc="] where name.hasPrefix(prefix) {
            value = String(name.dropFirst(prefix.count))
        }
        if let categories = Self.categories[value] {
            kind = .categories(categories)
        } else if let binary = Binary(rawValue: name) {
            kind = .binary(binary)
        } else {
            return nil
        }
    }

    func holds(for value: UInt32) -> Bool {
        guard let scalar = Unicode.Scalar(value) else { return false }
        let holds =
            switch kind {
            case .categories(let categories): categories.contains(scalar.properties.generalCategory)
            case .binary(let binary): Self.holds(binary, scalar)
            }
        return holds != isNegated
    }

    private static func holds(_ binary: Binary, _ scalar: Unicode.Scalar) -> Bool {
        switch binary {
        case .any: true
        case .ascii: scalar.isASCII
        case .assigned: scalar.properties.generalCategory != .unassigned
        case .alphabetic, .alpha: scalar.properties.isAlphabetic
        case .uppercase: scalar.properties.isUppercase
        case .lowercase: scalar.properties.isLowercase
        case .whiteSpace: scalar.properties.isWhitespace
        case .idStart: scalar.properties.isIDStart
        case .idContinue: scalar.properties.isIDContinue
        case .emoji: scalar.properties.isEmoji
        case .hexDigit: scalar.properties.isHexDigit
        case .asciiHexDigit: scalar.properties.isASCIIHexDigit
        case .ideographic: scalar.properties.isIdeographic
        case .dash: scalar.properties.isDash
        case .math: scalar.properties.isMath
        }
    }

    private static let categories: [String: Set<Unicode.GeneralCategory>] = {
        let single: [([String], Unicode.GeneralCategory)] = [
            (["Lu", "Uppercase_Letter"], .uppercaseLetter), (["Ll", "Lowercase_Letter"], .lowercaseLetter),
            (["Lt", "Titlecase_Letter"], .titlecaseLetter), (["Lm", "Modifier_Letter"], .modifierLetter),
            (["Lo", "Other_Letter"], .otherLetter), (["Mn", "Nonspacing_Mark"], .nonspacingMark),
            (["Mc", "Spacing_Mark"], .spacingMark), (["Me", "Enclosing_Mark"], .enclosingMark),
            (["Nd", "Decimal_Number", "digit"], .decimalNumber), (["Nl", "Letter_Number"], .letterNumber),
            (["No", "Other_Number"], .otherNumber), (["Pc", "Connector_Punctuation"], .connectorPunctuation),
            (["Pd", "Dash_Punctuation"], .dashPunctuation), (["Ps", "Open_Punctuation"], .openPunctuation),
            (["Pe", "Close_Punctuation"], .closePunctuation), (["Pi", "Initial_Punctuation"], .initialPunctuation),
            (["Pf", "Final_Punctuation"], .finalPunctuation), (["Po", "Other_Punctuation"], .otherPunctuation),
            (["Sm", "Math_Symbol"], .mathSymbol), (["Sc", "Currency_Symbol"], .currencySymbol),
            (["Sk", "Modifier_Symbol"], .modifierSymbol), (["So", "Other_Symbol"], .otherSymbol),
            (["Zs", "Space_Separator"], .spaceSeparator), (["Zl", "Line_Separator"], .lineSeparator),
            (["Zp", "Paragraph_Separator"], .paragraphSeparator), (["Cc", "Control", "cntrl"], .control),
            (["Cf", "Format"], .format), (["Cs", "Surrogate"], .surrogate), (["Co", "Private_Use"], .privateUse),
            (["Cn", "Unassigned"], .unassigned),
        ]
        let groups = [
            "L": ["Letter"], "M": ["Mark", "Combining_Mark"], "N": ["Number"], "P": ["Punctuation", "punct"],
            "S": ["Symbol"], "Z": ["Separator"], "C": ["Other"],
        ]
        var table: [String: Set<Unicode.GeneralCategory>] = [
            "LC": [.uppercaseLetter, .lowercaseLetter, .titlecaseLetter],
            "Cased_Letter": [.uppercaseLetter, .lowercaseLetter, .titlecaseLetter],
        ]
        for (names, category) in single {
            for name in names { table[name, default: []].insert(category) }
            let group = String(names[0].prefix(1))
            for name in [group] + (groups[group] ?? []) { table[name, default: []].insert(category) }
        }
        return table
    }()
}
