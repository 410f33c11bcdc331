package import JSON

/// Arithmetic on text, by a precedence-climbing parser that evaluates as it reads; nothing is ever executed.
///
/// From weak to strong: `+ -`, `* / %`, signs, `^` (from the right; `-2^2` is −4). `%` takes the sign of the dividend,
/// as in C. Whole numbers are exact while they fit 64 bits and go on as doubles beyond that; a division that comes out
/// even stays whole. The typographic signs `×`, `÷`, `−` and `π` are understood too.
package struct Calculator {
    /// Greatest length of an expression in characters.
    package static let lengthMax = 1_000
    /// Greatest nesting of parentheses, signs and powers.
    package static let depthMax = 64

    private let scalars: [Unicode.Scalar]
    private var index = 0
    private var depth = 0

    /// The value of an expression.
    ///
    /// A whole result is an integer.
    ///
    /// - Throws: ``ToolError`` with the code `failed` that says what is wrong and at which character, counted from 1.
    package static func evaluate(_ expression: String) throws(ToolError) -> JSONNumber {
        var calculator = Calculator(scalars: Array(expression.unicodeScalars))
        guard calculator.scalars.count <= lengthMax else {
            throw ToolError(.failed, "the expression is longer than \(lengthMax) characters")
        }
        let value = try calculator.sum()
        calculator.skipSpace()
        guard calculator.index == calculator.scalars.count else { throw calculator.failure("unexpected character") }
        return value.number
    }

    private init(scalars: [Unicode.Scalar]) {
        self.scalars = scalars
    }

    private func failure(_ reason: String, at position: Int? = nil) -> ToolError {
        let position = position ?? index
        if position >= scalars.count, reason == "unexpected character" {
            return ToolError(.failed, "the expression ends too early")
        }
        return ToolError(.failed, "\(reason) at character \(position + 1)")
    }

    // MARK: Reading

    private mutating func skipSpace() {
        while index < scalars.count, scalars[index].properties.isWhitespace { index += 1 }
    }

    private mutating func take(_ choices: Unicode.Scalar...) -> Bool {
        skipSpace()
        guard index < scalars.count, choices.contains(scalars[index]) else { return false }
        index += 1
        return true
    }

    private mutating func enter() throws(ToolError) {
        depth += 1
        guard depth <= Self.depthMax else { throw failure("the expression nests deeper than \(Self.depthMax) levels") }
    }

    /// Runs an operation and names the place of the operator when it fails.
    private func apply(
        at position: Int,
        _ operation: () throws(CalculatorFailure) -> CalculatorValue
    ) throws(ToolError) -> CalculatorValue {
        do {
            return try operation()
        } catch {
            throw failure(error.reason, at: position)
        }
    }

    // MARK: Grammar

    private mutating func sum() throws(ToolError) -> CalculatorValue {
        try enter()
        defer { depth -= 1 }
        var left = try product()
        while true {
            skipSpace()
            let position = index
            if take("+") {
                let right = try product()
                left = try apply(at: position) { () throws(CalculatorFailure) in try left.adding(right) }
            } else if take("-", "−") {
                let right = try product()
                left = try apply(at: position) { () throws(CalculatorFailure) in try left.subtracting(right) }
            } else {
                return left
            }
        }
    }

    private mutating func product() throws(ToolError) -> CalculatorValue {
        var left = try signed()
        while true {
            skipSpace()
            let position = index
            if take("*", "×") {
                let right = try signed()
                left = try apply(at: position) { () throws(CalculatorFailure) in try left.multiplied(by: right) }
            } else if take("/", "÷") {
                let right = try signed()
                left = try apply(at: position) { () throws(CalculatorFailure) in try left.divided(by: right) }
            } else if take("%") {
                let right = try signed()
                left = try apply(at: position) { () throws(CalculatorFailure) in try left.remainder(by: right) }
            } else {
                return left
            }
        }
    }

    private mutating func signed() throws(ToolError) -> CalculatorValue {
        if take("+") {
            try enter()
            defer { depth -= 1 }
            return try signed()
        }
        if take("-", "−") {
            try enter()
            defer { depth -= 1 }
            return try signed().negated
        }
        return try power()
    }

    private mutating func power() throws(ToolError) -> CalculatorValue {
        let base = try primary()
        skipSpace()
        let position = index
        guard take("^") else { return base }
        try enter()
        defer { depth -= 1 }
        let exponent = try signed()
        return try apply(at: position) { () throws(CalculatorFailure) in try base.raised(to: exponent) }
    }

    private mutating func primary() throws(ToolError) -> CalculatorValue {
        if take("(") {
            let value = try sum()
            guard take(")") else { throw failure("expected a closing parenthesis") }
            return value
        }
        skipSpace()
        guard index < scalars.count else { throw failure("unexpected character") }
        let next = scalars[index]
        if Self.isDigit(next) || next == "." { return try literal() }
        if next == "π" {
            index += 1
            return .real(.pi)
        }
        if Self.isLetter(next) { return try named() }
        throw failure("unexpected character")
    }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { scalar >= "0" && scalar <= "9" }

    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        (scalar >= "a" && scalar <= "z") || (scalar >= "A" && scalar <= "Z")
    }

    private mutating func digits() -> Int {
        let start = index
        while index < scalars.count, Self.isDigit(scalars[index]) { index += 1 }
        return index - start
    }

    private func text(from start: Int) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars[start..<index])
        return String(view)
    }

    private mutating func literal() throws(ToolError) -> CalculatorValue {
        let start = index
        var isWhole = true
        var count = digits()
        if index < scalars.count, scalars[index] == "." {
            isWhole = false
            index += 1
            count += digits()
        }
        guard count > 0 else { throw failure("expected a digit") }
        if index < scalars.count, scalars[index] == "e" || scalars[index] == "E" {
            // `2e3` is a number, but `2e` is not, so the exponent counts only with a digit.
            let mark = index
            index += 1
            if index < scalars.count, scalars[index] == "+" || scalars[index] == "-" { index += 1 }
            if digits() > 0 { isWhole = false } else { index = mark }
        }
        let literal = text(from: start)
        if isWhole, let value = Int64(literal) { return .whole(value) }
        guard let value = Double(literal), value.isFinite else { throw failure("the number is too large", at: start) }
        return .real(value)
    }

    private mutating func named() throws(ToolError) -> CalculatorValue {
        let start = index
        while index < scalars.count, Self.isLetter(scalars[index]) || Self.isDigit(scalars[index]) { index += 1 }
        let name = text(from: start).lowercased()
        if name == "pi" { return .real(.pi) }
        if name == "e" { return .real(CalculatorValue.eulersNumber) }
        guard let function = CalculatorFunction(rawValue: name) else {
            throw failure("unknown function or constant", at: start)
        }
        guard take("(") else { throw failure("expected an opening parenthesis after \(name)") }
        var arguments = [try sum()]
        while take(",") { arguments.append(try sum()) }
        guard take(")") else { throw failure("expected a closing parenthesis") }
        return try apply(at: start) { () throws(CalculatorFailure) in try function.apply(arguments) }
    }
}
