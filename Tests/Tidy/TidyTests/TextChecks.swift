/// Rules on texts: documents, comments, examples.
enum TextChecks {
    /// Words that stand for work not done.
    ///
    /// Put together, so that this file does not break its own rule.
    private static let unfinished = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]

    static func unfinishedWork(_ file: SourceFile) -> [Violation] {
        guard let words = try? Regex("\\b(?:" + unfinished.joined(separator: "|") + ")\\b") else {
            return [file.violation(0, "the pattern is not valid")]
        }
        return file.linesWith(unfinished).filter { $0.line.contains(words) }.map { index, _ in
            file.violation(index + 1, "finish it, or write down in the documentation that it is missing")
        }
    }

    /// Paths of one machine mean nothing on another.
    static func machinePaths(_ file: SourceFile) -> [Violation] {
        let isChecked = file.isMarkdown || file.isSwift || file.isMakefile
        guard isChecked, !file.isUnder("Tests/Unit/ConfigurationTests", "Tests/Tidy") else { return [] }
        let path = /(?:^|[^\w.~}*\/\)-])\/(?:work|tmp|root|home)\//
        let folders = ["/work/", "/tmp/", "/root/", "/home/"]
        return file.linesWith(folders).filter { $0.line.contains(path) }.map { index, _ in
            file.violation(index + 1, "this path is of one machine")
        }
    }

    /// Links between documents lead somewhere; `exists` says whether there is a file or folder at a path.
    static func links(_ file: SourceFile, documents: [String: SourceFile], exists: (String) -> Bool) -> [Violation] {
        guard file.isMarkdown else { return [] }
        return prose(file).flatMap { line, text in
            text.matches(of: /\]\(([^)\s]+)\)/).compactMap { match in
                let target = String(match.output.1)
                if target.contains(/^[a-z][a-z0-9+.-]*:/) { return nil }
                return broken(target, in: file, documents, exists).map { file.violation(line, $0) }
            }
        }
    }

    private static func broken(
        _ target: String,
        in file: SourceFile,
        _ documents: [String: SourceFile],
        _ exists: (String) -> Bool
    ) -> String? {
        let parts = target.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        let path = parts[0].isEmpty ? file.path : resolve(String(parts[0]), from: file.path)
        guard parts[0].isEmpty || exists(path) else { return "there is no \(target)" }
        guard parts.count == 2, let document = documents[path] else { return nil }
        return anchors(of: document).contains(String(parts[1])) ? nil : "there is no heading #\(parts[1]) in \(path)"
    }

    /// The path from the root of what a document links to.
    static func resolve(_ target: String, from document: String) -> String {
        var parts = target.hasPrefix("/") ? [] : document.split(separator: "/").dropLast().map(String.init)
        for part in target.split(separator: "/") {
            switch part {
            case ".": break
            case "..": if !parts.isEmpty { parts.removeLast() }
            default: parts.append(String(part))
            }
        }
        return parts.joined(separator: "/")
    }

    /// The names that a heading can be linked by, as GitHub makes them.
    static func anchors(of document: SourceFile) -> Set<String> {
        var seen: [String: Int] = [:]
        for (_, line) in prose(document) {
            guard let heading = line.firstMatch(of: /^#{1,6} +(.*?)\s*#*$/)?.output.1 else { continue }
            let kept = heading.lowercased().filter { $0.isLetter || $0.isNumber || " -_".contains($0) }
            seen[kept.replacing(" ", with: "-"), default: 0] += 1
        }
        return Set(seen.flatMap { name, count in (0..<count).map { $0 == 0 ? name : "\(name)-\($0)" } })
    }

    /// The lines of a document that are not in a block of code, with code in them blanked out.
    private static func prose(_ document: SourceFile) -> [(line: Int, text: Substring)] {
        var isCode = false
        var result: [(Int, Substring)] = []
        for (index, line) in document.lines.enumerated() {
            if line.trimmed.hasPrefix("```") {
                isCode.toggle()
            } else if !isCode {
                let isHeading = line.hasPrefix("#")
                result.append((index + 1, isHeading ? line : Substring(line.replacing(/`[^`]*`/, with: "`"))))
            }
        }
        return result
    }

    /// Every event's schema has examples of what it takes and what it refuses.
    static func schemaExamples(_ paths: [String]) -> [Violation] {
        let schemas = paths.filter { $0.hasPrefix("Schemas/events/") && $0.hasSuffix(".json") }
        return schemas.sorted().flatMap { schema in
            let name = schema.dropFirst("Schemas/events/".count).dropLast(".json".count)
            return ["valid", "invalid"].compactMap { kind in
                let folder = "Schemas/examples/\(name)/\(kind)/"
                let hasExample = paths.contains { $0.hasPrefix(folder) && $0.hasSuffix(".json") }
                return hasExample ? nil : Violation(path: schema, line: 0, message: "no example in \(folder)")
            }
        }
    }
}
