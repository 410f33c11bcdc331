import TestKit
import Testing

@testable import Models

struct LocalIntentTests {
    @Test(arguments: [
        ("Calculate 2 + 2", "2 + 2"),
        ("what is 12*(3+4)?", "12*(3+4)"),
        ("2+2", "2+2"),
        ("2 + 2 =", "2 + 2"),
        ("What's 7 times 6?", "7 * 6"),
        ("what is 10 divided by 4", "10 / 4"),
        ("How much is 1,000 + 2,500.50?", "1000 + 2500.50"),
        ("Please calculate: 2^10!", "2^10"),
        ("can you compute -3 + 5 for me, please?", "-3 + 5"),
        ("Hi Parley, what is 3 plus 4 minus 5", "3 + 4 - 5"),
        ("what is 15% of 80?", "(15 / 100) * 80"),
        ("what is 15 percent of 80", "(15 / 100) * 80"),
        ("what is the square root of 16", "sqrt(16)"),
        ("sqrt(2) * max(1, 2)", "sqrt(2) * max(1, 2)"),
        ("what is 5 squared", "5 ^ 2"),
        ("2 to the power of 8", "2 ^ 8"),
        ("6 × 7 ÷ 2 − 1", "6 × 7 ÷ 2 − 1"),
        ("what is 10 % 3", "10 % 3"),
        ("3 x 4", "3 * 4"),
        ("What is 2024-01-15?", "2024-01-15"),
        ("10 / 2", "10 / 2"),
        ("calculate 24/7", "24/7"),
        ("((1 + 2) * -(3))", "((1 + 2) * -(3))"),
    ])
    func isArithmetic(_ message: String, _ expression: String) {
        #expect(LocalIntent(message) == .arithmetic(expression))
    }

    @Test(arguments: [
        "I have 2 cats and 3 dogs", "I have 2 + 3 cats", "call 555-1234", "555-1234", "2024-01-15", "24/7", "1/2/2024",
        "my number is 030 1234 - 567", "192.168.0.1", "1.2.3 + 4", "version 1.2.3", "what is 5?", "42", "-5", "2 +",
        "+ 2", "2 + + 2", "calculate (2 + 3", "calculate 2 + 3)", "calculate 2 ** 3", "2 + 2 = 5", "is 2 + 2 4?",
        "what is 2 + 2 and what time is it?", "calculate my taxes", "calculate 2 + taxes", "what is C++ 11 + 3",
        "what is 2 of 3", "what is x + 1", "system(2 + 2)", "calculate __import__('os')", "what is 1,5 + 2",
        "what is the meaning of 42", "2 2", "(2)", "()", "what is a 5-10 minute walk", "3D", "e + 1", "", "   ", "?",
        "=",
    ])
    func isNotArithmetic(_ message: String) {
        #expect(LocalIntent(message) == .unknown)
    }

    @Test(arguments: [
        "what time is it", "What time is it?", "Hey, what's the time right now?", "time", "Tell me the current time.",
        "what is today's date?", "Could you please tell me what time it is?",
    ])
    func isTime(_ message: String) {
        #expect(LocalIntent(message) == .time(zone: nil))
    }

    @Test(arguments: [
        "time flies", "what is the time complexity of quicksort", "what time is it in Tokyo", "what time is the train",
        "timestamp", "it is time", "what time is it in /etc/passwd?x",
    ])
    func isNotTime(_ message: String) {
        #expect(LocalIntent(message) == .unknown)
    }

    @Test func timeTakesANamedZone() {
        #expect(LocalIntent("What time is it in Europe/Berlin?") == .time(zone: "Europe/Berlin"))
        #expect(LocalIntent("current time in UTC") == .time(zone: "UTC"))
    }

    @Test(arguments: [
        ("echo hello", "hello"), ("Echo: 2 + 2", "2 + 2"), ("please echo  What time is it? ", "What time is it?"),
        ("ECHO Grüße 👋", "Grüße 👋"),
    ])
    func isEcho(_ message: String, _ text: String) {
        #expect(LocalIntent(message) == .echo(text))
    }

    @Test(arguments: ["echo", "echo:", "echoes of war", "an echo", "echo's"])
    func isNotEcho(_ message: String) {
        #expect(LocalIntent(message) == .unknown)
    }

    @Test func limitsLengthAndDepth() {
        let atLength = "1+" + String(repeating: "1", count: ArithmeticPhrase.bytesMax - 2)
        #expect(ArithmeticPhrase(atLength) != nil)
        #expect(ArithmeticPhrase(atLength + "1") == nil)
        func nested(_ depth: Int) -> String {
            String(repeating: "(", count: depth) + "1+1" + String(repeating: ")", count: depth)
        }
        #expect(ArithmeticPhrase(nested(ArithmeticPhrase.depthMax)) != nil)
        #expect(ArithmeticPhrase(nested(ArithmeticPhrase.depthMax + 1)) == nil)
        #expect(
            LocalIntent("echo " + String(repeating: "a", count: 5000)) == .echo(String(repeating: "a", count: 5000))
        )
    }

    @Test func anyTextIsReadWithoutTrap() {
        var random = SeededRandom(seed: SeededRandom.seed)
        let words = [
            "what", "is", "calculate", "2", "+", "(", ")", "of", "%", ",", ".", "=", "the", "square root of", "echo",
            "time",
            "in", "UTC", "e\u{301}", "👩‍👩‍👧", "-", "max", "\u{0}", "please", "?", "İ", "ß",
        ]
        for _ in 0..<5000 {
            let text = (0..<Int(random.next() % 12)).map { _ in words[Int(random.next() % UInt64(words.count))] }
                .joined(separator: random.next() % 2 == 0 ? " " : "")
            if case .arithmetic(let expression) = LocalIntent(text) {
                #expect(expression.contains { "+-*/%^(".contains($0) }, "seed \(SeededRandom.seed): \(text)")
            }
        }
    }
}
