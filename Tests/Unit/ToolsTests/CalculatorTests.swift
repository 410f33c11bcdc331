import Foundation
import JSON
import TestKit
import Testing
import Tools

struct CalculatorTests {
    static let results: [(String, String)] = [
        ("2 + 2", "4"), ("1+2*3", "7"), ("(1+2)*3", "9"), ("10-4-3", "3"), ("24/4/2", "3"), ("7/2", "3.5"),
        ("6/3", "2"),
        ("7%3", "1"), ("-7%3", "-1"), ("7%-3", "1"), ("7.5%2", "1.5"), ("2^3^2", "512"), ("(2^3)^2", "64"),
        ("-2^2", "-4"), ("(-2)^2", "4"), ("2^-1", "0.5"), ("--3", "3"), ("-+-3", "3"), ("2--3", "5"), ("2*-3", "-6"),
        ("0^0", "1"), (" 1 +\t2\n", "3"), (".5+1.5", "2"), ("5.", "5"), ("1e3", "1000"), ("1.5e-3", "0.0015"),
        ("2E+2", "200"), ("sqrt(16)", "4"), ("sqrt(2)", "1.4142135623730951"), ("abs(-5)", "5"), ("abs(-2.5)", "2.5"),
        ("round(2.5)", "3"), ("round(-2.5)", "-3"), ("round(3.14159, 2)", "3.14"), ("floor(-1.5)", "-2"),
        ("ceil(1.2)", "2"),
        ("min(3, 1, 2)", "1"), ("max(3, 1.5, 2)", "3"), ("log(1000)", "3"), ("log(8, 2)", "3"), ("ln(e)", "1"),
        ("exp(0)", "1"), ("sin(0)", "0"), ("cos(0)", "1"), ("tan(0)", "0"), ("SQRT(9)", "3"),
        ("Pi", "3.141592653589793"),
        ("e", "2.718281828459045"), ("2 × 3 ÷ 4 − 1", "0.5"), ("2*π", "6.283185307179586"),
        ("0.1+0.2", "0.30000000000000004"),
        ("9223372036854775807", "9223372036854775807"), ("9223372036854775806+1", "9223372036854775807"),
        ("9223372036854775807+1", "9.223372036854776e+18"), ("-9223372036854775808", "-9223372036854775808"),
        ("-9223372036854775808-1", "-9.223372036854776e+18"), ("-9223372036854775808/-1", "9.223372036854776e+18"),
        ("-9223372036854775808%-1", "0"), ("--9223372036854775808", "9.223372036854776e+18"),
        ("abs(-9223372036854775808)", "9.223372036854776e+18"), ("3037000500*3037000500", "9.22337203700025e+18"),
        ("2^62", "4611686018427387904"), ("2^63", "9.223372036854776e+18"), ("(-2)^63", "-9223372036854775808"),
        ("1^9223372036854775807", "1"), ("(-1)^9223372036854775807", "-1"), ("2^1023", "8.98846567431158e+307"),
        ("4611686018427387904*2", "9.223372036854776e+18"), ("9007199254740993*1", "9007199254740993"),
        ("1e15+0.5", "1000000000000000.5"), ("round(1e300, 15)", "1e+300"),
    ]

    @Test(arguments: results)
    func evaluates(_ expression: String, _ expected: String) throws {
        #expect(try Calculator.evaluate(expression).text == expected)
    }

    static let failures: [(String, String)] = [
        ("", "the expression ends too early"), ("  ", "the expression ends too early"),
        ("1+", "the expression ends too early"), ("(1", "expected a closing parenthesis at character 3"),
        ("1)", "unexpected character at character 2"), ("1 2", "unexpected character at character 3"),
        ("*1", "unexpected character at character 1"), ("2**3", "unexpected character at character 3"),
        (".", "expected a digit at character 2"), ("1/0", "division by zero at character 2"),
        ("1 % 0.0", "division by zero at character 3"), ("0^-1", "division by zero at character 2"),
        ("1e308*10", "the result is too large at character 6"), ("1e999", "the number is too large at character 1"),
        ("exp(1000)", "the result is too large at character 1"), ("10^400", "the result is too large at character 3"),
        ("sqrt(-1)", "sqrt is not defined for this value at character 1"),
        ("ln(0)", "ln is not defined for this value at character 1"),
        ("log(-1)", "log is not defined for this value at character 1"),
        ("log(5, 1)", "log with this base is not defined for this value at character 1"),
        ("(-8)^(1/3)", "a power with a fractional exponent is not defined for this value at character 5"),
        ("sqrt(1,2)", "wrong number of arguments for sqrt at character 1"),
        ("min()", "unexpected character at character 5"),
        ("round(1,16)", "round takes 0 to 15 decimals at character 1"),
        ("foo(1)", "unknown function or constant at character 1"),
        ("sqrt 4", "expected an opening parenthesis after sqrt at character 6"),
        ("2pi", "unexpected character at character 2"), ("2e", "unexpected character at character 2"),
        ("system('ls')", "unknown function or constant at character 1"), ("1;2", "unexpected character at character 2"),
        ("\u{661}+1", "unexpected character at character 1"),
    ]

    @Test(arguments: failures)
    func refuses(_ expression: String, _ reason: String) {
        #expect(throws: ToolError(.failed, reason)) { try Calculator.evaluate(expression) }
    }

    @Test func lengthAtTheLimitAndOver() throws {
        let atLimit = String(repeating: "1+", count: 499) + "11"
        #expect(atLimit.count == 1_000)
        #expect(try Calculator.evaluate(atLimit) == .integer(510))
        #expect(throws: ToolError.self) { try Calculator.evaluate(atLimit + "1") }
    }

    @Test func depthAtTheLimitAndOver() throws {
        func nested(_ levels: Int) -> String {
            String(repeating: "(", count: levels) + "1" + String(repeating: ")", count: levels)
        }
        #expect(try Calculator.evaluate(nested(63)) == .integer(1))
        #expect(throws: ToolError.self) { try Calculator.evaluate(nested(64)) }
        #expect(try Calculator.evaluate(String(repeating: "-", count: 62) + "1") == .integer(1))
        #expect(throws: ToolError.self) { try Calculator.evaluate(String(repeating: "-", count: 500) + "1") }
        #expect(throws: ToolError.self) { try Calculator.evaluate("1" + String(repeating: "^1", count: 400)) }
    }

    @Test func theToolAnswersWithExpressionAndResult() async throws {
        let registry = try ToolRegistry([CalculatorTool()])
        let result = try await registry.run("calculator", ["expression": "2 + 2"], context: .forTests)
        #expect(result.string == #"{"expression":"2 + 2","result":4}"#)
        await #expect(throws: ToolError(.failed, "division by zero at character 2")) {
            try await registry.run("calculator", ["expression": "1/0"], context: .forTests)
        }
        let tooLong: JSONValue = ["expression": .string(String(repeating: "1", count: 1_001))]
        let error = await #expect(throws: ToolError.self) {
            try await registry.run("calculator", tooLong, context: .forTests)
        }
        #expect(error?.code == .invalidArguments)
    }

    // MARK: Against a reference

    /// An expression as a tree, written with all its parentheses or with as few as the precedence allows.
    private indirect enum Tree {
        case number(Int)
        case negative(Tree)
        case operation(Character, Tree, Tree)

        static func random(depth: Int, _ generator: inout SeededRandom) -> Tree {
            guard depth > 0, Int.random(in: 0..<5, using: &generator) > 0 else {
                return .number(Int.random(in: 0...20, using: &generator))
            }
            if Int.random(in: 0..<6, using: &generator) == 0 { return .negative(random(depth: depth - 1, &generator)) }
            let symbol = ["+", "-", "*", "/", "%"].randomElement(using: &generator) ?? "+"
            let left = random(depth: depth - 1, &generator)
            let right = random(depth: depth - 1, &generator)
            return .operation(Character(symbol), left, right)
        }

        private var strength: Int {
            switch self {
            case .number: 4
            case .negative: 3
            case .operation(let symbol, _, _): symbol == "+" || symbol == "-" ? 1 : 2
            }
        }

        func text(least: Int) -> String {
            let inner =
                switch self {
                case .number(let value): String(value)
                case .negative(let tree): "-" + tree.text(least: 3)
                case .operation(let symbol, let left, let right):
                    left.text(least: strength) + " \(symbol) " + right.text(least: strength + 1)
                }
            return strength < least ? "(" + inner + ")" : inner
        }

        var value: Double? {
            switch self {
            case .number(let value): return Double(value)
            case .negative(let tree): return tree.value.map { -$0 }
            case .operation(let symbol, let left, let right):
                guard let left = left.value, let right = right.value else { return nil }
                switch symbol {
                case "+": return left + right
                case "-": return left - right
                case "*": return left * right
                case "/": return right == 0 ? nil : left / right
                default: return right == 0 ? nil : fmod(left, right)
                }
            }
        }
    }

    @Test func agreesWithAReferenceOnRandomExpressions() throws {
        var generator = SeededRandom(seed: 99)
        var divisionsByZero = 0
        for round in 0..<5_000 {
            let tree = Tree.random(depth: 5, &generator)
            let text = tree.text(least: 0)
            guard text.count <= 1_000 else { continue }
            guard let expected = tree.value else {
                divisionsByZero += 1
                #expect(throws: ToolError.self, "round \(round): \(text)") { try Calculator.evaluate(text) }
                continue
            }
            let result = try Calculator.evaluate(text).doubleValue
            #expect(abs(result - expected) <= abs(expected) * 1e-9, "round \(round): \(text)")
        }
        #expect(divisionsByZero > 10)
    }

    @Test func randomTextNeverCrashes() {
        var generator = SeededRandom(seed: 5)
        let pieces = [
            "1", "0", "9223372036854775807", ".", "e", "(", ")", "+", "-", "*", "/", "%", "^", ",", "sqrt", "min", " ",
            "é",
        ]
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...12, using: &generator)
            let text = (0..<count).map { _ in pieces.randomElement(using: &generator) ?? "" }.joined()
            if let value = try? Calculator.evaluate(text) { #expect(value.doubleValue.isFinite, "\(text)") }
        }
    }
}
