/// A metric that is watched under a name that nothing counts never moves, and so never warns.
enum MetricChecks {
    /// Names of ours that are no metrics: the roles in the database.
    private static let others: Set<String> = ["parley_service", "parley_owner"]

    /// Every metric that the code makes is a row of the table of metrics.
    static func withoutRow(_ files: [SourceFile]) -> [Violation] {
        let rows = Set(
            files.filter { $0.path == "docs/METRICS.md" }.flatMap { file in
                file.linesWith(["| `parley_"]).compactMap { names(in: $0.line).first }
            }
        )
        return made(files).filter { !rows.contains($0.name) }.map { metric in
            metric.file.violation(metric.line, "\(metric.name) is in no row of docs/METRICS.md")
        }
    }

    /// Every metric that a document, a dashboard or an alert names is one that the code makes.
    static func withoutCounter(_ files: [SourceFile]) -> [Violation] {
        let known = Set(made(files).map(\.name)).union(others)
        let naming = files.filter { file in
            file.isUnder("deploy", "docs") || ["README.md", "CONTRIBUTING.md"].contains(file.path)
        }
        return naming.flatMap { file in
            file.linesWith(["parley_"]).flatMap { index, line in
                names(in: line).filter { name in
                    // A histogram is several series.
                    let series = ["_bucket", "_sum", "_count"].filter(name.hasSuffix).map {
                        String(name.dropLast($0.count))
                    }
                    return !known.contains(name) && !series.contains(where: known.contains)
                }.map { file.violation(index + 1, "nothing counts \($0)") }
            }
        }
    }

    private static func made(_ files: [SourceFile]) -> [(name: String, file: SourceFile, line: Int)] {
        files.filter { $0.isSwift && $0.isUnder("Shared", "Services") && !$0.isUnder("Shared/TestKit") }.flatMap {
            file in
            file.linesWith(["\"parley_"]).filter { !$0.line.trimmed.hasPrefix("//") }.flatMap { index, line in
                line.matches(of: /"(parley_[a-z0-9_]*[a-z0-9])"/).map { (String($0.output.1), file, index + 1) }
            }
        }.filter { !others.contains($0.0) }
    }

    /// The names in a line; the beginning of one, such as `parley_memory_…`, is none.
    private static func names(in line: Substring) -> [String] {
        line.matches(of: /\bparley_[a-z0-9_]+/).map { String($0.output) }.filter { !$0.hasSuffix("_") }
    }
}
