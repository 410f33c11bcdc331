import Configuration
import ServiceKit

/// Finds the command that the user named, runs it, and says how it ended.
enum CommandTable {
    /// The exit code of a call that makes no sense (`EX_USAGE` of sysexits(3)).
    static let usageExitCode: Int32 = 64

    /// Every command, in the order of `--help`.
    static var commands: [any Command.Type] {
        [
            SendCommand.self, TailCommand.self, LagCommand.self, TopicsCommand.self, MigrateCommand.self,
            TenantsCommand.self, KeysCommand.self, BudgetsCommand.self, PersonasCommand.self, SchemaCommand.self,
            MemoryCommand.self, DeadLettersCommand.self,
        ]
    }

    /// Does what the words behind the program's name ask for.
    ///
    /// - Returns: The exit code.
    static func run(_ words: [String]) async -> Int32 {
        switch words.first {
        case nil:
            Console.complain("a command is missing; parleyctl --help lists them")
            return usageExitCode
        case "--version":
            Console.print("parleyctl \(ServiceMain.version)")
            return 0
        case "--check-config":
            return checkConfiguration(Array(words))
        case "--help", "-h":
            Console.print(help)
            return 0
        case "help":
            guard words.count > 1 else {
                Console.print(help)
                return 0
            }
            return await run([words[1], "--help"])
        case .some(let name):
            guard let command = commands.first(where: { $0.name == name }) else {
                let word = TerminalText.quoted(name)
                Console.complain("there is no command \(word); parleyctl --help lists them")
                return usageExitCode
            }
            return await run(command, Array(words.dropFirst()))
        }
    }

    private static func run(_ command: any Command.Type, _ words: [String]) async -> Int32 {
        let options = words.prefix { $0 != "--" }
        if options.contains("--help") || options.contains("-h") {
            Console.print(command.help)
            return 0
        }
        do {
            var arguments = Arguments(words)
            try await command.run(&arguments)
            return 0
        } catch let error as UsageError {
            Console.complain("\(ErrorText.line(for: error)); see parleyctl \(command.name) --help")
            return usageExitCode
        } catch is SilentFailure {
            return 1
        } catch {
            Console.complain(ErrorText.line(for: error))
            return 1
        }
    }

    private static func checkConfiguration(_ words: [String]) -> Int32 {
        let command = ConfigurationCommand(
            program: "parleyctl",
            summary: "the operator's command line",
            version: ServiceMain.version,
            knownKeys: OperatorSettings.keysOfServices()
        )
        let outcome = command.evaluate(
            arguments: words,
            environment: ProcessEnvironment.current(),
            read: OperatorSettings.readAll
        )
        guard case .exit(let code, let text) = outcome else { return usageExitCode }
        if code == 0 { Console.write(text) } else { Console.note(String(text.dropLast())) }
        return code
    }

    /// Every command with what it is for, and the settings.
    private static var help: String {
        let forms = commands.flatMap { command in
            command.usage.split(separator: "\n").map { "  \($0)" }
        }
        return """
            parleyctl \(ServiceMain.version): the operator's command line

            usage:
              parleyctl [--help | --version | --check-config]
            \(forms.joined(separator: "\n"))

            \(TerminalText.table(commands.map { ["  " + $0.name, $0.summary] }).joined(separator: "\n"))

              --check-config  check the settings, print them with secrets masked, and leave (1 when something is wrong)
              parleyctl COMMAND --help says more about one of them

            Settings are read from the environment, each only by the commands that need it:

            \(TerminalText.table(OperatorSettings.overview).joined(separator: "\n"))

            Exit codes: 0 done, 1 failed, 64 called in a way that makes no sense.
            """
    }
}
