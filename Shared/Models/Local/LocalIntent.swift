/// What the built-in planner takes a user's message for.
enum LocalIntent: Equatable {
    /// An expression for the calculator.
    case arithmetic(String)
    /// The present time, in a named time zone if one was given.
    case time(zone: String?)
    /// A text to send back.
    case echo(String)
    /// Anything else.
    case unknown

    /// The longest message that is looked at, in bytes; only `echo` takes longer ones.
    private static let bytesMax = 600

    private static let courtesies = [
        "please", "hello", "hi", "hey", "ok", "okay", "parley", "can you", "could you", "would you", "can you please",
        "could you please", "tell me", "i would like to know", "i want to know",
    ]

    private static let endings = ["please", "for me", "thanks", "thank you", "right now", "now"]

    private static let askings = [
        "calculate", "compute", "evaluate", "work out", "solve", "what is the result of", "what is the value of",
        "what is", "what's", "whats", "what are", "how much is", "how much are", "what does", "calc",
    ]

    private static let timeQuestions: Set<String> = [
        "time", "date", "what time is it", "what time it is", "what is the time", "what's the time", "the time",
        "the current time", "current time", "what is the current time", "what's the current time",
        "what is the date", "what's the date", "what is the date today", "what's the date today", "what date is it",
        "what is today's date", "what's today's date", "what day is it", "what day is it today", "the date",
        "the current date", "current date", "what is the current date", "today's date", "give me the time",
        "what is the time and date", "what is the date and time", "what is the current date and time",
    ]

    /// Reads a message.
    ///
    /// It is taken for something only if all of it says so.
    init(_ message: String) {
        let text = Self.withoutCourtesies(Self.trim(message[...]))
        if let words = Self.echoed(text) {
            self = .echo(words)
        } else if message.utf8.count > Self.bytesMax {
            self = .unknown
        } else if let zone = Self.timeZone(text) {
            self = .time(zone: zone.isEmpty ? nil : zone)
        } else if let expression = Self.expression(text) {
            self = .arithmetic(expression)
        } else {
            self = .unknown
        }
    }

    // MARK: The three things

    private static func echoed(_ text: Substring) -> String? {
        guard let rest = dropping("echo", from: text) else { return nil }
        let words = trim(rest.first == ":" ? rest.dropFirst() : rest)
        return words.isEmpty ? nil : String(words)
    }

    /// The zone that was asked for, empty for none; nil if it is not a question for the time.
    private static func timeZone(_ text: Substring) -> String? {
        let question = withoutEndings(text)
        let lowered = question.lowercased()
        if timeQuestions.contains(lowered) { return "" }
        guard let position = lowered.range(ofLast: " in "), timeQuestions.contains(String(lowered[..<position])) else {
            return nil
        }
        // Lower-casing ASCII keeps the count, so the zone can be taken from the original.
        let zone = question.suffix(lowered.count - lowered.distance(from: lowered.startIndex, to: position) - 4)
        let isZone =
            zone.utf8.count <= 64
            && zone.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "/_+-:".contains($0)) }
            && (zone.contains("/") || zone == "UTC" || zone == "GMT")
        return isZone ? String(zone) : nil
    }

    private static func expression(_ text: Substring) -> String? {
        var rest = withoutEndings(text)
        var isAsked = false
        for asking in askings.sorted(by: { $0.count > $1.count }) {
            if let after = dropping(asking, from: rest) {
                rest = withoutEndings(trim(after.first == ":" ? after.dropFirst() : after))
                isAsked = true
                break
            }
        }
        if rest.last == "=" {
            rest = trim(rest.dropLast())
            isAsked = true
        }
        guard let phrase = ArithmeticPhrase(rest), isAsked || !phrase.isAmbiguous else { return nil }
        return phrase.expression
    }

    // MARK: Trimming

    private static func trim(_ text: Substring) -> Substring {
        var text = text
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return text
    }

    private static func withoutCourtesies(_ text: Substring) -> Substring {
        var text = text
        while true {
            guard let rest = courtesies.lazy.compactMap({ dropping($0, from: text) }).first else { return text }
            let next = trim(rest.drop { $0 == "," || $0 == "!" || $0 == "." || $0.isWhitespace })
            guard !next.isEmpty else { return text }
            text = next
        }
    }

    private static func withoutEndings(_ text: Substring) -> Substring {
        var text = trim(text)
        while true {
            if let last = text.last, "?!.,".contains(last) {
                text = trim(text.dropLast())
                continue
            }
            let lowered = text.lowercased()
            guard let ending = endings.first(where: { lowered.hasSuffix(" " + $0) || lowered.hasSuffix("," + $0) })
            else { return text }
            text = trim(text.dropLast(ending.count))
        }
    }

    /// What follows the phrase, if the text begins with it as whole words, in any case.
    private static func dropping(_ phrase: String, from text: Substring) -> Substring? {
        guard text.prefix(phrase.count).lowercased() == phrase else { return nil }
        let rest = text.dropFirst(phrase.count)
        if let next = rest.first, next.isLetter || next.isNumber || next == "-" || next == "_" || next == "'" {
            return nil
        }
        return trim(rest)
    }
}

extension String {
    /// Where the text stands for the last time.
    fileprivate func range(ofLast text: String) -> String.Index? {
        var index = endIndex
        while index > startIndex {
            index = self.index(before: index)
            if self[index...].hasPrefix(text) { return index }
        }
        return nil
    }
}
