/// Settings stand in three places, and a name that is wrong in one of them is silently without effect: where the code
/// reads them, in the README's tables, and in what deploys.
enum SettingChecks {
    /// Where what deploys has variables of its own, each with a value.
    static let ownVariables = ["deploy/local/ports.env", "deploy/compose/.env.example"]

    /// Every setting that the code reads is a row of a table of the README.
    static func withoutRow(_ files: [SourceFile]) -> [Violation] {
        let rows = Set(
            files.filter { $0.path == "README.md" }.flatMap { file in
                file.linesWith(["| `PARLEY_"]).compactMap { names(in: $0.line).first }
            }
        )
        return readings(files).filter { !rows.contains($0.name) }.map { reading in
            reading.file.violation(reading.line, "\(reading.name) is in no table of the README")
        }
    }

    /// Every setting that the README, the guide or what deploys names is one that the code reads, or a variable of what
    /// deploys.
    static func withoutReader(_ files: [SourceFile]) -> [Violation] {
        var known = Set(readings(files).map(\.name))
        for file in files where ownVariables.contains(file.path) {
            for line in file.lines where line.hasPrefix("PARLEY_") {
                known.formUnion(names(in: line).prefix(1))
            }
        }
        let naming = files.filter { file in
            file.isUnder("deploy", "docs") || ["README.md", "CONTRIBUTING.md"].contains(file.path)
        }
        return naming.flatMap { file in
            file.linesWith(["PARLEY_"]).flatMap { index, line in
                names(in: line).filter { name in
                    // A secret can be given as a file.
                    !known.contains(name) && !(name.hasSuffix("_FILE") && known.contains(String(name.dropLast(5))))
                }.map { file.violation(index + 1, "nothing reads \($0)") }
            }
        }
    }

    /// A port of a service that something deploys, looks at or publishes is one that a service listens on by default.
    static func ports(_ files: [SourceFile]) -> [Violation] {
        let defaults = Set(
            files.filter { $0.isSwift && $0.isUnder("Services") }.flatMap { file in
                file.linesWith(["httpPort: "]).flatMap { numbers(in: $0.line, after: "httpPort: ") }
            }
        )
        let marks = [
            "EXPOSE ", "PARLEY_HTTP_PORT=", "127.0.0.1:", "}:", "GATEWAY_PORT=", "WORKER_PORT=", "EXECUTOR_PORT=",
        ]
        return files.filter { $0.isUnder("deploy/compose") || $0.path == "deploy/local/ports.env" }.flatMap { file in
            file.linesWith(marks).flatMap { index, line in
                marks.flatMap { numbers(in: line, after: $0) }.filter { !defaults.contains($0) }.map { port in
                    file.violation(index + 1, "no service listens on \(port)")
                }
            }
        }
    }

    private static func numbers(in line: Substring, after mark: String) -> [Substring] {
        line.split(separator: mark, omittingEmptySubsequences: false).dropFirst().compactMap { rest in
            let digits = rest.prefix(while: \.isNumber)
            return digits.isEmpty ? nil : digits
        }
    }

    private static func readings(_ files: [SourceFile]) -> [(name: String, file: SourceFile, line: Int)] {
        files.filter { $0.isSwift && $0.isUnder("Shared", "Services") && !$0.isUnder("Shared/TestKit") }.flatMap {
            file in
            file.linesWith(["\"PARLEY_"]).filter { !$0.line.trimmed.hasPrefix("//") }.flatMap { index, line in
                line.matches(of: /"(PARLEY_[A-Z0-9_]*[A-Z0-9])"/).map { (String($0.output.1), file, index + 1) }
            }
        }
    }

    /// The names in a line; the beginning of one, such as `PARLEY_RETENTION_…`, is none.
    private static func names(in line: Substring) -> [String] {
        line.matches(of: /\bPARLEY_[A-Z0-9_]+/).map { String($0.output) }.filter { !$0.hasSuffix("_") }
    }
}
