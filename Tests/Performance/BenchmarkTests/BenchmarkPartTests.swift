import Testing

@testable import parley_bench

@Suite struct BenchmarkPartTests {
    @Test func argumentsChooseParts() throws {
        #expect(try BenchmarkPart.chosen(by: []) == Set(BenchmarkPart.allCases))
        #expect(try BenchmarkPart.chosen(by: ["turns"]) == [.turns])
        #expect(try BenchmarkPart.chosen(by: ["turns", "memory", "turns"]) == [.turns, .memory])
    }

    @Test(arguments: [["typo"], ["turns", "typo"], [""], ["Turns"]])
    func aNameThatNoPartHasIsRefused(arguments: [String]) {
        let error = #expect(throws: UnknownBenchmark.self) { try BenchmarkPart.chosen(by: arguments) }
        #expect(error?.name == arguments.last)
        let text = error?.description ?? ""
        #expect(
            text == "there is no benchmark \"\(arguments.last ?? "")\"; known are: accept, turns, validation, memory"
        )
    }
}
