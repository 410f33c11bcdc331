/// Rules on what code may say and where.
enum CodeChecks {
    static func environment(_ file: SourceFile) -> [Violation] {
        let isAllowed = file.path.hasSuffix("+Environment.swift") || file.isUnder("Shared/Configuration")
        guard file.isSwift, !isAllowed else { return [] }
        return matches(file, ["env"], /(\b(?:secure_)?getenv\b|processInfo\.environment\b|\benviron\b)/).map {
            line,
            _ in
            file.violation(line, "the environment is read in Shared/Configuration and in +Environment.swift files only")
        }
    }

    static func sleeps(_ file: SourceFile) -> [Violation] {
        guard file.isSwift, file.isUnder("Tests/Unit") else { return [] }
        let call = /(\b(?:usleep|nanosleep)\(|\b(?:Task|Thread)\.sleep\b|(?:^|[^\w.])sleep\()/
        return matches(file, ["sleep"], call).compactMap { line, _ in
            // A clock of a test's own may have a function of that name.
            if file.codeLines[line - 1].contains("func sleep(") { return nil }
            return file.violation(line, "unit tests do not sleep: inject a clock")
        }
    }

    static func crashes(_ file: SourceFile) -> [Violation] {
        guard file.isSwift, file.isUnder("Services", "Shared") else { return [] }
        return matches(file, ["fatalError", "try!", "as!"], /(\bfatalError\(|\btry!|\bas!)/).map { line, what in
            file.violation(line, "\(what) ends the process: throw an error")
        }
    }

    /// What an error says of itself reaches logs only if its type promises that it may.
    static func errorDescriptions(_ file: SourceFile) -> [Violation] {
        guard file.isSwift, file.isUnder("Services", "Shared"), !file.isUnder("Shared/Errors") else { return [] }
        let kinds = "struct|enum|class|extension|protocol"
        let type = "(\\w*Error\\b|\\w+\\b(?=[^{]*:[^{]*Error\\b))"
        let pattern = "^[\\w ]*\\b(?:\(kinds)) \(type)[^{]*\\bCustomStringConvertible"
        guard let declaration = try? Regex(pattern, as: (Substring, Substring).self) else {
            return [file.violation(0, "the pattern is not valid")]
        }
        let declared = matches(file, ["CustomStringConvertible"], declaration).map { line, type in
            file.violation(line, "\(type) is a DescribedError, or its description is nobody's to see")
        }
        let printed = matches(file, ["describing: error"], /(describing: error)\b/).map { line, _ in
            file.violation(line, "an error's text for others is its property loggable")
        }
        return declared + printed
    }

    static func unstructuredTasks(_ file: SourceFile) -> [Violation] {
        guard file.isSwift, file.isUnder("Services", "Shared") else { return [] }
        // Where a type is written, after an arrow or a colon, no task begins.
        let task = /(?:^\s*|[^>:\s\w]\s*|\w\s+)(Task(?:<[^>]*>)?(?: \{|\(|\.detached\b|\.init\b))/
        return matches(file, ["Task"], task).compactMap { line, _ in
            if hasReason(file, above: line) { return nil }
            return file.violation(line, "a task outside a group needs a comment above it: \"unstructured: why\"")
        }
    }

    static func stateMachines(_ file: SourceFile) -> [Violation] {
        guard file.path.hasSuffix("StateMachine.swift"), !file.isUnder("Tests") else { return [] }
        let words = ["await", "async", "import"]
        let found = matches(
            file,
            words,
            /(\bawait\b|\basync\b|^\s*(?:\w+ )?import (?:C[A-Z]\w*|Glibc|Foundation|Dispatch))/
        )
        return found.map { line, what in
            file.violation(line, "a state machine decides and does nothing else, but here is: \(what)")
        }
    }

    /// Every state machine has a test file of its own.
    static func stateMachineTests(_ files: [SourceFile]) -> [Violation] {
        let names = Set(files.filter { $0.isUnder("Tests") }.map { String($0.name) })
        return files.filter { $0.path.hasSuffix("StateMachine.swift") && !$0.isUnder("Tests") }.compactMap { file in
            let wanted = file.name.replacing("StateMachine.swift", with: "StateMachineTests.swift")
            return names.contains(String(wanted)) ? nil : file.violation(0, "there is no \(wanted)")
        }
    }

    /// A type of its module's name hides the module: `EventBus.Topic` is then looked for in the type.
    static func moduleNames(_ file: SourceFile) -> [Violation] {
        let folders = file.path.split(separator: "/")
        guard file.isSwift, file.isUnder("Shared"), folders.count > 2 else { return [] }
        let type = /^(?:@\w+ )*(?:\w+ )*(?:struct|class|enum|actor|protocol|typealias) (\w+)/
        return file.codeLinesWith([String(folders[1])]).compactMap { index, line in
            guard let name = line.prefixMatch(of: type)?.output.1, name == folders[1] else { return nil }
            return file.violation(index + 1, "the type has its module's name")
        }
    }

    static func docComments(_ file: SourceFile) -> [Violation] {
        guard file.isSwift, !file.isUnder("Tests") else { return [] }
        let kinds = "func|var|let|init|subscript|struct|class|enum|protocol|actor|typealias|macro"
        let pattern = "^\\s*(?:@\\S+ +)*(?:\\w+(?:\\(set\\))? +)*?(?:package|public) (?:[\\w()]+ )*?(?:\(kinds))\\b"
        guard let declaration = try? Regex(pattern) else { return [file.violation(0, "the pattern is not valid")] }
        return file.codeLinesWith(["package ", "public "]).compactMap { index, line in
            guard line.contains(declaration) else { return nil }
            return isDocumented(file, index) ? nil : file.violation(index + 1, "the declaration has no /// comment")
        }
    }

    private static func isDocumented(_ file: SourceFile, _ index: Int) -> Bool {
        var above = index - 1
        var depth = 0
        while above >= 0 {
            let line = file.lines[above].trimmed
            if line.hasPrefix("///") { return true }
            // Attributes stand between the comment and the declaration, some over several lines.
            depth += line.count(where: { $0 == ")" }) - line.count(where: { $0 == "(" })
            guard line.hasPrefix("@") || line.hasPrefix("#if") || depth > 0 else { return false }
            above -= 1
        }
        return false
    }

    private static func hasReason(_ file: SourceFile, above line: Int) -> Bool {
        var index = line - 2
        while index >= 0, file.lines[index].trimmed.hasPrefix("//") {
            if file.lines[index].contains("unstructured:") { return true }
            index -= 1
        }
        return false
    }

    static func matches(
        _ file: SourceFile,
        _ words: [String],
        _ pattern: Regex<(Substring, Substring)>
    ) -> [(line: Int, what: String)] {
        // Regular expressions are slow: they see only lines that have one of the words.
        file.codeLinesWith(words).flatMap { index, line in
            line.matches(of: pattern).map { (index + 1, String($0.output.1.trimmed)) }
        }
    }
}

extension Substring {
    /// Without the blanks at both ends.
    var trimmed: Substring {
        var text = self
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
