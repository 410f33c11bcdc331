import Configuration
import Testing

@Suite struct ConfigurationCommandTests {
    private struct Loaded: Sendable {
        let port: Int
        let key: Secret
    }

    private let command = ConfigurationCommand(program: "parley-test", summary: "A test.", version: "1.2.3")

    private func evaluate(
        _ arguments: [String],
        _ environment: [String: String] = [:]
    ) -> ConfigurationCommand.Outcome<Loaded> {
        command.evaluate(arguments: arguments, environment: environment) { reader in
            Loaded(
                port: reader.int("PARLEY_PORT", default: 8010, in: 1...65_535, help: "port of the API"),
                key: reader.secret("PARLEY_KEY", help: "the key")
            )
        }
    }

    private func exit(_ outcome: ConfigurationCommand.Outcome<Loaded>) throws -> (code: Int32, text: String) {
        guard case .exit(let code, let text) = outcome else { throw Unexpected() }
        return (code, text)
    }

    private struct Unexpected: Error {}

    @Test func runsWithGoodSettings() throws {
        let outcome = evaluate([], ["PARLEY_KEY": "k", "PARLEY_PROT": "1"])
        guard case .run(let loaded, let warnings) = outcome else { throw Unexpected() }
        #expect(loaded.port == 8010 && loaded.key.revealed == "k")
        #expect(warnings == ["unknown setting PARLEY_PROT: did you mean PARLEY_PORT?"])
    }

    @Test func refusesBadSettings() throws {
        for arguments in [[], ["--check-config"]] {
            let (code, text) = try exit(evaluate(arguments, ["PARLEY_PORT": "0"]))
            #expect(code == 1)
            #expect(text.hasPrefix("parley-test: 2 settings are wrong or missing:\n  PARLEY_PORT: is \"0\";"))
        }
    }

    @Test func printsSettingsWithSecretsMasked() throws {
        let (code, text) = try exit(evaluate(["--check-config"], ["PARLEY_KEY": "hunter2", "PARLEY_KEZ": "x"]))
        #expect(code == 0)
        #expect(
            text == """
                PARLEY_PORT  8010  (default)
                PARLEY_KEY   ***
                warning: unknown setting PARLEY_KEZ: did you mean PARLEY_KEY?

                """
        )
    }

    @Test func helpNeedsNoSettings() throws {
        let (code, text) = try exit(evaluate(["--help"]))
        #expect(code == 0)
        #expect(text.hasPrefix("parley-test 1.2.3: A test.\n"))
        #expect(text.contains("PARLEY_PORT  number  8010        port of the API\n"))
        #expect(text.contains("PARLEY_KEY   secret  (required)  the key\n"))
        #expect(try exit(evaluate(["-h"])).text == text)
    }

    @Test func tellsItsVersionAndRefusesOtherOptions() throws {
        #expect(try exit(evaluate(["--version"])) == (0, "parley-test 1.2.3\n"))
        #expect(try exit(evaluate(["--serve"])).code == 64)
        #expect(try exit(evaluate(["--help", "--version"])).code == 64)
    }
}
