import Glibc

/// What each of our executables does before anything else: read its settings, or answer `--help`, `--version` or
/// `--check-config` and leave.
///
/// ```swift
/// let command = ConfigurationCommand(program: "parley-gateway", summary: "HTTP and WebSocket API", version: "1.0.0")
/// let configuration = command.loadOrExit(read: GatewayConfiguration.init(environment:))
/// ```
package struct ConfigurationCommand: Sendable {
    /// What the program is to do with its arguments.
    package enum Outcome<Loaded: Sendable>: Sendable {
        /// Run with these settings; the warnings are for the log.
        case run(Loaded, warnings: [String])
        /// Print the text, on standard error when it is a failure, and leave with the code.
        case exit(code: Int32, text: String)
    }

    /// The exit code for wrong settings.
    package static let configurationExitCode: Int32 = 1
    /// The exit code for wrong arguments (`EX_USAGE` of sysexits(3)).
    package static let usageExitCode: Int32 = 64

    private let program: String
    private let summary: String
    private let version: String
    private let knownKeys: Set<String>

    /// Makes the command of a program; `knownKeys` are settings of other parts that may stand in the same environment.
    package init(program: String, summary: String, version: String, knownKeys: Set<String> = []) {
        self.program = program
        self.summary = summary
        self.version = version
        self.knownKeys = knownKeys
    }

    /// Decides what to do; it prints nothing and reads nothing but what it is given.
    package func evaluate<Loaded: Sendable>(
        arguments: [String],
        environment: [String: String],
        read: (inout EnvironmentReader) -> Loaded
    ) -> Outcome<Loaded> {
        guard arguments.count <= 1 else { return usage("one option at most") }
        switch arguments.first {
        case .none, "--check-config": break
        case "--version": return .exit(code: 0, text: "\(program) \(version)\n")
        case "--help", "-h":
            var reader = EnvironmentReader([:])
            _ = read(&reader)
            return .exit(code: 0, text: help(reader.settings))
        case .some(let other): return usage("unknown option \(Spelling.quoted(other))")
        }
        var reader = EnvironmentReader(environment)
        let loaded = read(&reader)
        let warnings = reader.unknownKeys(known: knownKeys)
        do {
            try reader.finish()
        } catch {
            return .exit(code: Self.configurationExitCode, text: "\(program): \(error)\n")
        }
        if arguments.isEmpty { return .run(loaded, warnings: warnings) }
        return .exit(code: 0, text: effective(reader.settings, warnings))
    }

    /// Reads the settings of this process, or prints what was asked for or what is wrong, and leaves.
    package func loadOrExit<Loaded: Sendable>(
        read: (inout EnvironmentReader) -> Loaded
    ) -> (configuration: Loaded, warnings: [String]) {
        let outcome = evaluate(
            arguments: Array(CommandLine.arguments.dropFirst()),
            environment: ProcessEnvironment.current(),
            read: read
        )
        switch outcome {
        case .run(let loaded, let warnings):
            return (loaded, warnings)
        case .exit(let code, let text):
            let bytes = Array(text.utf8)
            _ = write(code == 0 ? STDOUT_FILENO : STDERR_FILENO, bytes, bytes.count)
            Glibc.exit(code)
        }
    }

    private func usage<Loaded>(_ problem: String) -> Outcome<Loaded> {
        let options = "[--help | --version | --check-config]"
        return .exit(code: Self.usageExitCode, text: "\(program): \(problem)\nusage: \(program) \(options)\n")
    }

    private func help(_ settings: [Setting]) -> String {
        var text = """
            \(program) \(version): \(summary)

            usage: \(program) [--help | --version | --check-config]

              --check-config  check the settings, print them with secrets masked, and leave (1 when something is wrong)

            Settings are read from the environment:


            """
        let rows = settings.map { setting in
            [
                setting.key, setting.kind.name, setting.isRequired ? "(required)" : setting.defaultText ?? "-",
                setting.help,
            ]
        }
        text += table([["key", "type", "default", "meaning"]] + rows)
        return text
    }

    private func effective(_ settings: [Setting], _ warnings: [String]) -> String {
        let rows = settings.map { [$0.key, $0.effectiveText, $0.isSet ? "" : "(default)"] }
        return table(rows) + warnings.map { "warning: \($0)\n" }.joined()
    }

    /// Columns as wide as their widest cell, two blanks between them.
    private func table(_ rows: [[String]]) -> String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = zip(row, widths).map { cell, width in cell + String(repeating: " ", count: width - cell.count) }
            var line = cells.joined(separator: "  ")
            while line.hasSuffix(" ") { line.removeLast() }
            return line + "\n"
        }.joined()
    }
}
