import Testing

@testable import Configuration

@Suite struct EnvironmentReaderTests {
    private enum Mode: String, CaseIterable { case fast, slow }

    private func same<Value: Equatable>(
        _ value: Value,
        _ wanted: Value,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(value == wanted, sourceLocation: sourceLocation)
    }

    @Test func readsEveryType() throws {
        var reader = EnvironmentReader([
            "A": "text", "B": "7", "C": "yes", "D": "250ms", "E": "64KiB", "F": "HTTPS://host:1234/base/", "G": "slow",
            "H": " a, b ,,c", "I": "s3cret", "J": "0.5",
        ])
        same(reader.string("A", help: "a"), "text")
        same(reader.int("B", help: "b"), 7)
        same(reader.bool("C", default: false, help: "c"), true)
        same(reader.duration("D", help: "d"), .milliseconds(250))
        same(reader.bytes("E", help: "e"), 65_536)
        same(reader.url("F", help: "f").description, "https://host:1234/base")
        same(reader.choice("G", default: Mode.fast, help: "g"), .slow)
        same(reader.list("H", help: "h"), ["a", "b", "c"])
        same(reader.secret("I", help: "i").revealed, "s3cret")
        same(reader.double("J", in: 0...1, help: "j"), 0.5)
        try reader.finish()
    }

    @Test func fallsBackToDefaultsAlsoForEmptyValues() throws {
        var reader = EnvironmentReader(["A": "", "B": ""])
        same(reader.string("A", default: "x", help: "a"), "x")
        same(reader.int("B", default: 3, help: "b"), 3)
        same(reader.duration("D", default: .seconds(90), help: "d"), .seconds(90))
        same(reader.bytes("E", default: 1, help: "e"), 1)
        same(reader.bool("C", default: true, help: "c"), true)
        same(reader.url("F", default: "http://h", help: "f").host, "h")
        same(reader.choice("G", default: Mode.fast, help: "g"), .fast)
        same(reader.list("H", default: ["q"], help: "h"), ["q"])
        same(reader.optionalString("I", help: "i"), nil)
        same(reader.optionalSecret("J", help: "j") == nil, true)
        same(reader.optionalURL("K", help: "k"), nil)
        try reader.finish()
        #expect(reader.settings.map(\.key) == ["A", "B", "D", "E", "C", "F", "G", "H", "I", "J", "K"])
        #expect(reader.settings[2].defaultText == "90s")
    }

    @Test func reportsEverythingThatIsWrongAtOnce() throws {
        var reader = EnvironmentReader([
            "B": "seven", "C": "maybe", "D": "5 parsecs", "E": "1XB", "F": "ftp://host", "G": "medium", "H": "65536",
        ])
        _ = reader.string("A", help: "the name")
        _ = reader.int("B", default: 1, help: "b")
        _ = reader.bool("C", default: true, help: "c")
        _ = reader.duration("D", default: .zero, help: "d")
        _ = reader.bytes("E", default: 0, help: "e")
        _ = reader.url("F", help: "f")
        _ = reader.choice("G", default: Mode.fast, help: "g")
        _ = reader.int("H", default: 1, in: 1...65_535, help: "h")
        _ = reader.secret("I", help: "i")
        reader.fail("J", .conflict, "does not go with B")
        let error = try #require(throws: ConfigurationError.self) { try reader.finish() }
        #expect(error.problems.map(\.key) == ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J"])
        #expect(
            error.problems.map(\.code) == [
                .missing, .malformed, .malformed, .malformed, .malformed, .malformed, .malformed, .outOfRange, .missing,
                .conflict,
            ]
        )
        let text = error.description
        #expect(text.hasPrefix("10 settings are wrong or missing:\n"))
        #expect(text.contains("A: is not set; expected a text: the name"))
        #expect(text.contains("G: is \"medium\"; expected one of fast, slow"))
        #expect(text.contains("H: is \"65536\"; expected a whole number, from 1 to 65535"))
    }

    @Test(arguments: [(1, true), (65_535, true), (0, false), (65_536, false), (-1, false)])
    func rangesIncludeTheirEnds(number: Int, isValid: Bool) {
        var reader = EnvironmentReader(["N": "\(number)"])
        let value = reader.int("N", default: 80, in: 1...65_535, help: "n")
        #expect(reader.problems.isEmpty == isValid)
        #expect(value == (isValid ? number : 80))
    }

    @Test func noSecretIsEverShown() {
        let planted = "hunter2"
        var reader = EnvironmentReader(
            ["S": planted, "T_FILE": "f", "U": planted, "U_FILE": "f", "V": "http://u:\(planted)@h"],
            readFile: { _ in Array(planted.utf8) }
        )
        let secret = reader.secret("S", help: "s")
        let fromFile = reader.secret("T", help: "t")
        _ = reader.secret("U", help: "u")
        _ = reader.url("V", help: "v")
        #expect(fromFile.revealed == planted)
        var dumped = ""
        dump(secret, to: &dumped)
        let shown =
            "\(secret) \(String(reflecting: secret)) \([secret]) \(reader.settings) \(reader.problems) \(dumped)"
        #expect(!shown.contains(planted))
        #expect(shown.contains("***"))
        #expect(reader.problems.map(\.key) == ["U", "V"])
    }

    @Test func readsSecretsFromFiles() {
        let files = ["one": "s3cret\n", "two": "with\nlines\n\n", "empty": "\n"]
        var reader = EnvironmentReader(
            ["A_FILE": "one", "B_FILE": "two", "C_FILE": "empty", "D_FILE": "none"],
            readFile: { files[$0].map { Array($0.utf8) } }
        )
        same(reader.secret("A", help: "a").revealed, "s3cret")
        same(reader.secret("B", help: "b").revealed, "with\nlines\n")
        _ = reader.secret("C", help: "c")
        _ = reader.optionalSecret("D", help: "d")
        #expect(reader.problems.map(\.key) == ["C_FILE", "D_FILE"])
        #expect(reader.problems.allSatisfy { $0.code == .unreadableFile })
        #expect(reader.settings[0].isSet && reader.settings[0].effectiveText == "***")
    }

    @Test func secretFilesHaveALimit() {
        #expect(SecretFile.contents(of: "/proc/self/comm", bytesMax: 64) != nil)
        #expect(SecretFile.contents(of: "/proc/self/comm", bytesMax: 3) == nil)
        #expect(SecretFile.contents(of: "/nowhere", bytesMax: 64) == nil)
    }

    @Test func unknownKeysAreNamedWithWhatTheyMayMean() {
        var reader = EnvironmentReader([
            "PARLEY_PROT": "1", "PARLEY_KEY_FILE": "f", "PARLEY_WORKER_THREADS": "2", "PARLEY_UTTERLY_DIFFERENT": "1",
            "HOME": "/",
        ])
        _ = reader.int("PARLEY_PORT", default: 1, help: "p")
        _ = reader.optionalSecret("PARLEY_KEY", help: "k")
        #expect(
            reader.unknownKeys(known: ["PARLEY_WORKER_THREADS"]) == [
                "unknown setting PARLEY_PROT: did you mean PARLEY_PORT?",
                "unknown setting PARLEY_UTTERLY_DIFFERENT",
            ]
        )
    }

    @Test func theProcessHasAnEnvironment() {
        #expect(ProcessEnvironment.current()["PATH"]?.contains("/bin") == true)
    }
}
