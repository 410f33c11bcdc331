/// Finds out whether a text is nothing but an arithmetic expression, in signs or in words, and writes it in signs.
///
/// "2 + 2", "12*(3+4)", "two"-style number words are not read, "6 times 7" and "the square root of 16" are. Text that
/// only contains numbers and signs somewhere is not an expression: everything has to be used up.
struct ArithmeticPhrase {
    /// Longer texts are not looked at, in bytes.
    static let bytesMax = 500
    /// Nesting that is followed; the calculator's own limit is higher.
    static let depthMax = 32

    /// The expression in signs that the calculator tool takes; the text itself if it has no words.
    let expression: String
    /// Whether it may as well be a date, a telephone number or "24/7": digits with one sort of sign and no space.
    let isAmbiguous: Bool

    private enum Token: Equatable {
        case number(String)
        case sign(Character)
        case function(String)
        case open
        case close
        case comma
    }

    private static let functions: Set<String> = [
        "sqrt", "abs", "round", "floor", "ceil", "min", "max", "log", "ln", "exp", "sin", "cos", "tan",
    ]

    /// Words that stand for signs, longest first.
    private static let words: [(words: [String], sign: Character)] = [
        (["to", "the", "power", "of"], "^"), (["multiplied", "by"], "*"), (["divided", "by"], "/"), (["plus"], "+"),
        (["minus"], "-"), (["times"], "*"), (["modulo"], "%"), (["mod"], "%"), (["x"], "*"), (["over"], "/"),
    ]

    /// Reads a text; nil if it is not an expression with at least one operation.
    init?(_ text: some StringProtocol) {
        guard text.utf8.count <= Self.bytesMax, var tokens = Self.tokens(of: String(text)) else { return nil }
        let hasWords = Self.replaceWords(&tokens)
        guard let isRewritten = Self.replacePercent(&tokens.list) else { return nil }
        let list = tokens.list
        guard list.contains(where: { Self.isOperation($0) }) else { return nil }
        var position = 0
        guard Self.readSum(list, &position, depth: 0), position == list.count else { return nil }
        let rewrites = hasWords || isRewritten || tokens.hasSeparators
        expression = rewrites ? Self.write(list) : String(text)
        let signs = Set(text.filter { !$0.isNumber })
        isAmbiguous = signs == ["-"] || signs == ["/"]
    }

    private static func isOperation(_ token: Token) -> Bool {
        switch token {
        case .sign, .function: true
        case .number, .open, .close, .comma: false
        }
    }

    // MARK: Tokens

    private struct Tokens {
        /// Words that are not functions are kept as `.function` until `replaceWords`.
        var list: [Token] = []
        var hasSeparators = false
    }

    private static func tokens(of text: String) -> Tokens? {
        var tokens = Tokens()
        var rest = Substring(text)
        while let character = rest.first {
            if character.isWhitespace {
                rest.removeFirst()
            } else if isDigit(character) || character == "." {
                guard let number = takeNumber(&rest, &tokens.hasSeparators) else { return nil }
                tokens.list.append(.number(number))
            } else if character.isASCII, character.isLetter {
                let word = rest.prefix { $0.isASCII && $0.isLetter }
                rest = rest.dropFirst(word.count)
                tokens.list.append(.function(word.lowercased()))
            } else {
                rest.removeFirst()
                guard let token = sign(character) else { return nil }
                tokens.list.append(token)
            }
        }
        return tokens.list.isEmpty ? nil : tokens
    }

    private static func sign(_ character: Character) -> Token? {
        switch character {
        case "+", "*", "/", "-", "^", "%", "\u{D7}", "\u{F7}", "\u{2212}": .sign(character)
        case "(": .open
        case ")": .close
        case ",": .comma
        default: nil
        }
    }

    private static func isDigit(_ character: Character) -> Bool { ("0"..."9").contains(character) }

    /// Digits with at most one point, or with thousands in groups of three after commas, which are left out.
    private static func takeNumber(_ rest: inout Substring, _ hasSeparators: inout Bool) -> String? {
        var whole = String(rest.prefix(while: isDigit))
        rest = rest.dropFirst(whole.count)
        while (1...3).contains(whole.count) || hasSeparators, rest.first == "," {
            let group = rest.dropFirst().prefix(while: isDigit)
            guard group.count == 3 else { break }
            whole += group
            rest = rest.dropFirst(4)
            hasSeparators = true
        }
        guard rest.first == "." else { return whole.isEmpty ? nil : whole }
        let fraction = rest.dropFirst().prefix(while: isDigit)
        guard !fraction.isEmpty else { return nil }
        rest = rest.dropFirst(fraction.count + 1)
        // A second point makes it an address or a version.
        return rest.first == "." ? nil : whole + "." + fraction
    }

    // MARK: Words

    /// Puts signs in the place of words.
    ///
    /// What is no such word stays, and then the grammar refuses it.
    private static func replaceWords(_ tokens: inout Tokens) -> Bool {
        var result: [Token] = []
        var rest = tokens.list[...]
        var hasWords = false
        while let token = rest.first {
            if let (count, replacement) = replacement(for: rest) {
                hasWords = true
                result += replacement
                rest = rest.dropFirst(count)
            } else {
                result.append(token)
                rest.removeFirst()
            }
        }
        tokens.list = result
        return hasWords
    }

    private static func replacement(for rest: ArraySlice<Token>) -> (count: Int, tokens: [Token])? {
        func begins(with words: [String]) -> Bool { rest.starts(with: words.map { .function($0) }) }
        for (words, sign) in words where begins(with: words) {
            return (words.count, [.sign(sign)])
        }
        for words in [["the", "square", "root", "of"], ["square", "root", "of"]] where begins(with: words) {
            guard case .number(let number) = rest.dropFirst(words.count).first else { return nil }
            return (words.count + 1, [.function("sqrt"), .open, .number(number), .close])
        }
        for (word, power) in [("squared", "2"), ("cubed", "3")] where begins(with: [word]) {
            return (1, [.sign("^"), .number(power)])
        }
        return nil
    }

    /// Turns "15% of 80" into "(15 / 100) * 80".
    ///
    /// Nil if "of" stands anywhere else.
    private static func replacePercent(_ list: inout [Token]) -> Bool? {
        guard let position = list.firstIndex(of: .function("of")) else { return false }
        guard position == 2, list[1] == .sign("%") || list[1] == .function("percent"), case .number = list[0] else {
            return nil
        }
        list.replaceSubrange(1...2, with: [.sign("/"), .number("100"), .close, .sign("*")])
        list.insert(.open, at: 0)
        return true
    }

    private static func write(_ list: [Token]) -> String {
        var text = ""
        var isAfterOperand = false
        for token in list {
            switch token {
            case .number(let number): text += number
            case .function(let name): text += name
            case .open: text += "("
            case .close: text += ")"
            case .comma: text += ", "
            case .sign(let sign): text += isAfterOperand ? " \(sign) " : String(sign)
            }
            switch token {
            case .number, .close: isAfterOperand = true
            case .function, .open, .comma, .sign: isAfterOperand = false
            }
        }
        return text
    }

    // MARK: Grammar

    // sum = factor { sign factor }; factor = ["-"] (number | "(" sum ")" | function "(" sum { "," sum } ")").

    private static func readSum(_ list: [Token], _ position: inout Int, depth: Int) -> Bool {
        guard depth <= depthMax, readFactor(list, &position, depth: depth) else { return false }
        while position < list.count, case .sign = list[position] {
            position += 1
            guard readFactor(list, &position, depth: depth) else { return false }
        }
        return true
    }

    private static func readFactor(_ list: [Token], _ position: inout Int, depth: Int) -> Bool {
        if position < list.count, list[position] == .sign("-") || list[position] == .sign("\u{2212}") {
            position += 1
        }
        guard position < list.count else { return false }
        switch list[position] {
        case .number:
            position += 1
            return true
        case .open:
            position += 1
            return readSum(list, &position, depth: depth + 1) && take(.close, list, &position)
        case .function(let name):
            position += 1
            guard functions.contains(name), take(.open, list, &position) else { return false }
            repeat {
                guard readSum(list, &position, depth: depth + 1) else { return false }
            } while take(.comma, list, &position)
            return take(.close, list, &position)
        case .sign, .close, .comma:
            return false
        }
    }

    private static func take(_ token: Token, _ list: [Token], _ position: inout Int) -> Bool {
        guard position < list.count, list[position] == token else { return false }
        position += 1
        return true
    }
}
