import Configuration
import Glibc

/// The operator's command line: `parleyctl COMMAND …`.
@main
enum Parleyctl {
    private static var commands: [any Command.Type] {
        [MigrateCommand.self, KeysCommand.self, TopicsCommand.self]
    }

    static func main() async {
        signal(SIGPIPE, SIG_DFL)
        var arguments = Arguments(Array(CommandLine.arguments.dropFirst()))
        guard let name = arguments.next(), name != "--help", name != "help" else {
            Console.print(usage)
            exit(0)
        }
        guard let command = commands.first(where: { $0.name == name }) else {
            Console.complain("there is no command \(name)\n\(usage)")
            exit(64)
        }
        if arguments.flag("--help") {
            Console.print(command.usage)
            exit(0)
        }
        do {
            try await command.run(&arguments)
        } catch let error as UsageError {
            Console.complain("\(error.reason)\n\(command.usage)")
            exit(64)
        } catch {
            Console.complain("\(error)")
            exit(1)
        }
    }

    private static var usage: String {
        "usage:\n" + commands.map { "  " + $0.usage.replacingNewlines(with: "\n  ") }.joined(separator: "\n")
    }
}

extension String {
    /// The text with each line break replaced.
    func replacingNewlines(with replacement: String) -> String {
        split(separator: "\n", omittingEmptySubsequences: false).joined(separator: replacement)
    }
}
