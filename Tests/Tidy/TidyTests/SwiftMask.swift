/// Blanks out what is not code in Swift source: comments, and the contents of string and regular expression literals.
///
/// Newlines stay, so that line numbers do too.
struct SwiftMask {
    private var input: [UInt8]
    private var output: [UInt8]
    private var position = 0
    /// The last byte of code that is not a blank: tells a regular expression from a division.
    private var lastCode = UInt8(ascii: "\n")

    static func code(of text: String) -> String {
        var mask = SwiftMask(text)
        mask.code(until: nil)
        return String(decoding: mask.output, as: UTF8.self)
    }

    private init(_ text: String) {
        input = Array(text.utf8)
        output = []
        output.reserveCapacity(input.count)
    }

    /// Copies code up to the end of the input or, inside an interpolation, up to the parenthesis that closes it.
    private mutating func code(until end: UInt8?) {
        var depth = 0
        while let byte = peek() {
            if let literal = stringStart() {
                string(literal.quotes, hashes: literal.hashes)
                lastCode = UInt8(ascii: "\"")
            } else if byte == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "/") {
                blank { $0 == UInt8(ascii: "\n") }
            } else if byte == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "*") {
                blockComment()
            } else if byte == UInt8(ascii: "/"), let length = regexLength() {
                blank(length)
                lastCode = UInt8(ascii: "/")
            } else {
                if byte == UInt8(ascii: "(") { depth += 1 }
                if byte == UInt8(ascii: ")") { depth -= 1 }
                if end == byte, depth < 0 { return }
                if byte != UInt8(ascii: " "), byte != UInt8(ascii: "\n") { lastCode = byte }
                output.append(byte)
                position += 1
            }
        }
    }

    private func peek(_ ahead: Int = 0) -> UInt8? {
        position + ahead < input.count ? input[position + ahead] : nil
    }

    private func has(_ text: String, at offset: Int = 0) -> Bool {
        let bytes = Array(text.utf8)
        let start = position + offset
        return start + bytes.count <= input.count && input[start..<(start + bytes.count)].elementsEqual(bytes)
    }

    private func stringStart() -> (quotes: Int, hashes: Int)? {
        var hashes = 0
        while peek(hashes) == UInt8(ascii: "#") { hashes += 1 }
        guard peek(hashes) == UInt8(ascii: "\"") else { return nil }
        return (has("\"\"\"", at: hashes) ? 3 : 1, hashes)
    }

    /// Blanks a literal but for its quotes; what is interpolated is blanked too.
    private mutating func string(_ quotes: Int, hashes: Int) {
        let marks = String(repeating: "#", count: hashes)
        let end = String(repeating: "\"", count: quotes) + marks
        keep(hashes + quotes)
        while peek() != nil {
            if has(end) {
                keep(end.utf8.count)
                return
            }
            if quotes == 1, peek() == UInt8(ascii: "\n") { return }
            if has("\\" + marks + "(") {
                blank(2 + hashes)
                interpolation()
            } else if has("\\" + marks) {
                blank(2 + hashes)
            } else {
                blank(1)
            }
        }
    }

    private mutating func interpolation() {
        let start = output.count
        code(until: UInt8(ascii: ")"))
        for index in start..<output.count where output[index] != UInt8(ascii: "\n") {
            output[index] = UInt8(ascii: " ")
        }
        blank(1)
    }

    private mutating func blockComment() {
        var depth = 0
        repeat {
            if has("/*") {
                depth += 1
                blank(2)
            } else if has("*/") {
                depth -= 1
                blank(2)
            } else {
                blank(1)
            }
        } while depth > 0 && peek() != nil
    }

    /// The length of the regular expression literal that begins here; nil when the slash is an operator.
    private func regexLength() -> Int? {
        let isOperand = "(,=:[{!&|?~>".utf8.contains(lastCode) || lastCode == UInt8(ascii: "\n")
        guard isOperand, let first = peek(1), first != UInt8(ascii: " "), first != UInt8(ascii: ")") else { return nil }
        var length = 1
        while let byte = peek(length), byte != UInt8(ascii: "\n") {
            if byte == UInt8(ascii: "\\") { length += 1 }
            length += 1
            if byte == UInt8(ascii: "/") { return length }
        }
        return nil
    }

    private mutating func keep(_ count: Int) {
        let end = min(position + count, input.count)
        output += input[position..<end]
        position = end
    }

    private mutating func blank(_ count: Int) {
        for _ in 0..<count {
            guard let byte = peek() else { return }
            output.append(byte == UInt8(ascii: "\n") ? byte : UInt8(ascii: " "))
            position += 1
        }
    }

    private mutating func blank(until isEnd: (UInt8) -> Bool) {
        while let byte = peek(), !isEnd(byte) { blank(1) }
    }
}
