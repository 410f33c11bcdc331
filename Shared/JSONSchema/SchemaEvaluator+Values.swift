import JSON

/// Keywords for strings and numbers.
extension SchemaEvaluator {
    mutating func check(_ text: String, _ rules: StringRules?) -> Bool {
        guard let rules else { return true }
        var isValid = true
        // A string of n bytes has between n/4 and n characters, which mostly spares counting them.
        let bytes = text.utf8.count
        if let maxLength = rules.maxLength, bytes > maxLength, text.unicodeScalars.count > maxLength {
            isValid = false
            if fails("maxLength", "must have at most \(maxLength) characters") { return false }
        }
        if let minLength = rules.minLength, bytes < minLength || text.unicodeScalars.count < minLength {
            isValid = false
            if fails("minLength", "must have at least \(minLength) characters") { return false }
        }
        if let pattern = rules.pattern {
            switch pattern.match(text) {
            case .matched: break
            case .unmatched:
                isValid = false
                if fails("pattern", "must match the pattern \(pattern.source)") { return false }
            case .exhausted:
                abort("pattern", "takes too many steps to match with the pattern")
                return false
            }
        }
        if let format = rules.format, !format.matches(text) {
            isValid = false
            if fails("format", "must be in the format \(format.rawValue)") { return false }
        }
        return isValid
    }

    mutating func check(_ number: JSONNumber, _ rules: NumberRules?) -> Bool {
        guard let rules else { return true }
        var isValid = true
        if let minimum = rules.minimum, number < minimum {
            isValid = false
            if fails("minimum", "must be at least \(minimum.text)") { return false }
        }
        if let maximum = rules.maximum, number > maximum {
            isValid = false
            if fails("maximum", "must be at most \(maximum.text)") { return false }
        }
        if let limit = rules.exclusiveMinimum, number <= limit {
            isValid = false
            if fails("exclusiveMinimum", "must be greater than \(limit.text)") { return false }
        }
        if let limit = rules.exclusiveMaximum, number >= limit {
            isValid = false
            if fails("exclusiveMaximum", "must be less than \(limit.text)") { return false }
        }
        if let multipleOf = rules.multipleOf, !multipleOf.divides(number) {
            isValid = false
            if fails("multipleOf", "must be a multiple of the number that the schema names") { return false }
        }
        return isValid
    }
}
