import Testing

@testable import parleyctl

@Suite struct ArgumentsTests {
    @Test func optionsAndOperandsMayStandInAnyOrder() throws {
        var arguments = Arguments(["create", "--tenant", "acme", "last", "--json"])
        #expect(try arguments.option("--tenant") == "acme")
        #expect(try arguments.flag("--json"))
        #expect(arguments.next() == "create")
        #expect(arguments.next() == "last")
        #expect(arguments.next() == nil)
        try arguments.finish()
    }

    @Test func aValueMayStandBehindAnEqualsSign() throws {
        var arguments = Arguments(["--name=--odd=name"])
        #expect(try arguments.option("--name") == "--odd=name")
        try arguments.finish()
    }

    @Test func whatIsNotGivenIsNil() throws {
        var arguments = Arguments([])
        #expect(try arguments.option("--tenant") == nil)
        #expect(try !arguments.flag("--json"))
        #expect(arguments.next() == nil)
        #expect(throws: UsageError(reason: "TOPIC is missing")) { try arguments.require("TOPIC") }
    }

    @Test(arguments: [
        ["--tenant"], ["--tenant", "--json"], ["--tenant="], ["x", "--tenant"], ["--tenant", "--", "x"],
    ])
    func anOptionWithoutItsValueIsRefused(_ words: [String]) {
        var arguments = Arguments(words)
        #expect(throws: UsageError(reason: "--tenant needs a value")) { try arguments.option("--tenant") }
    }

    @Test(arguments: [["--n", "1", "--n", "2"], ["--n=1", "--n", "2"], ["--n=1", "--n=2"]])
    func anOptionThatIsGivenTwiceIsRefused(_ words: [String]) {
        var arguments = Arguments(words)
        #expect(throws: UsageError(reason: "--n is given twice")) { try arguments.option("--n") }
    }

    @Test func aFlagThatIsGivenTwiceIsRefused() {
        var arguments = Arguments(["--json", "--json"])
        #expect(throws: UsageError(reason: "--json is given twice")) { try arguments.flag("--json") }
    }

    @Test func operandsBehindTwoDashesAreTakenAsTheyAre() throws {
        var arguments = Arguments(["--json", "--", "--json", "--", "-x"])
        #expect(try arguments.flag("--json"))
        #expect(arguments.rest() == ["--json", "--", "-x"])
        try arguments.finish()
    }

    @Test func aSingleDashIsAnOperand() throws {
        var arguments = Arguments(["-"])
        #expect(arguments.next() == "-")
    }

    @Test(arguments: [["--no-such"], ["-v"], ["operand"], ["--", "operand"], ["--tenants=x"]])
    func whatIsLeftIsRefused(_ words: [String]) throws {
        var arguments = Arguments(words)
        _ = try arguments.option("--tenant")
        #expect(throws: UsageError.self) { try arguments.finish() }
    }

    @Test(arguments: [("1", 1), ("10", 10)])
    func aNumberMayBeAtItsLimits(_ text: String, _ number: Int) throws {
        var arguments = Arguments(["--count", text])
        #expect(try arguments.number("--count", in: 1...10) == number)
    }

    @Test(arguments: ["0", "11", "-1", "ten", "1.5", "99999999999999999999"])
    func aNumberBeyondItsLimitsIsRefused(_ text: String) {
        var arguments = Arguments(["--count=\(text)"])
        #expect(throws: UsageError.self) { try arguments.number("--count", in: 1...10) }
    }

    @Test func tokensAreANumberOrNone() throws {
        #expect(try BudgetsCommand.tokens("none") == nil)
        #expect(try BudgetsCommand.tokens("0") == 0)
        #expect(try BudgetsCommand.tokens("9223372036854775807") == Int64.max)
        for text in ["-1", "9223372036854775808", "many", "", "1e6"] {
            #expect(throws: UsageError.self) { try BudgetsCommand.tokens(text) }
        }
    }
}
