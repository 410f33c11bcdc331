/// Limits on how much there is in one place.
enum SizeChecks {
    static let fileLinesMax = 500
    static let functionLinesMax = 70
    static let lineColumnsMax = 120
    static let recipeLinesMax = 5

    static func fileLength(_ file: SourceFile) -> [Violation] {
        let count = file.lines.last?.isEmpty == true ? file.lines.count - 1 : file.lines.count
        guard file.isSwift, count > fileLinesMax else { return [] }
        return [file.violation(0, "\(count) lines; a file has at most \(fileLinesMax)")]
    }

    static func lineLength(_ file: SourceFile) -> [Violation] {
        guard file.isSwift else { return [] }
        // A line has no more characters than bytes, which are quick to count.
        let long = file.lines.enumerated().filter { _, line in
            line.utf8.count > lineColumnsMax && line.count > lineColumnsMax
        }
        return long.map { index, line in
            file.violation(index + 1, "\(line.count) columns; a line has at most \(lineColumnsMax)")
        }
    }

    static func functionLength(_ file: SourceFile) -> [Violation] {
        guard file.isSwift else { return [] }
        return FunctionFinder.functions(in: file).filter { $0.lineCount > functionLinesMax }.map { function in
            let message = "\(function.name) has \(function.lineCount) lines; a function has at most \(functionLinesMax)"
            return file.violation(function.line, message)
        }
    }

    static func recipeLength(_ file: SourceFile) -> [Violation] {
        guard file.isMakefile else { return [] }
        var violations: [Violation] = []
        var target = 0
        var count = 0
        for (index, line) in file.lines.enumerated() {
            if line.hasPrefix("\t") {
                count += 1
                if count == recipeLinesMax + 1 {
                    violations.append(file.violation(target, "a recipe has at most \(recipeLinesMax) lines"))
                }
            } else {
                target = index + 1
                count = 0
            }
        }
        return violations
    }
}

/// Finds functions and initialisers in masked code by matching parentheses and braces.
struct FunctionFinder {
    struct Function: Equatable {
        let name: String
        /// Where it begins, from 1.
        let line: Int
        /// From the declaration to the closing brace.
        let lineCount: Int
    }

    static func functions(in file: SourceFile) -> [Function] {
        let lines = file.codeLines
        let declaration = /^\s*(?:[@\w()]+ +)*?(func [^\s(<]+|init[?]?(?=[(<])|deinit(?= \{)|subscript(?=[(<]))/
        return file.codeLinesWith(["func ", "init", "subscript"]).compactMap { index, line in
            guard let match = line.firstMatch(of: declaration), let end = bodyEnd(lines, from: index) else {
                return nil
            }
            let words = match.output.1.split(separator: " ")
            return Function(name: String(words.last ?? ""), line: index + 1, lineCount: end - index + 1)
        }
    }

    /// The line with the brace that closes the body; nil when there is no body, as in a protocol.
    private static func bodyEnd(_ lines: [Substring], from start: Int) -> Int? {
        var parentheses = 0
        var braces = 0
        let next =
            /^\s*((package|public|private|fileprivate|static|mutating|func|var|let|init|case|struct|enum)\b|@|\}|$)/
        for index in start..<lines.count {
            if index > start, parentheses == 0, braces == 0, lines[index].contains(next) { return nil }
            for byte in lines[index].utf8 {
                switch byte {
                case UInt8(ascii: "("): parentheses += 1
                case UInt8(ascii: ")"): parentheses -= 1
                case UInt8(ascii: "{") where parentheses == 0 || braces > 0: braces += 1
                case UInt8(ascii: "}") where braces > 0:
                    braces -= 1
                    if braces == 0 { return index }
                default: break
                }
            }
        }
        return nil
    }
}
