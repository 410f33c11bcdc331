/// A tool that is an HTTP endpoint of another program, as the operator describes it.
package struct HTTPToolSettings: Sendable, Equatable {
    /// What the platform and the model know of it.
    package let definition: ToolDefinition
    /// Where its calls are sent by POST.
    package let url: String
    /// Header fields of every call, over those that the platform sets.
    package let headers: [HTTPToolHeader]
    /// How often a call that failed is sent again; 0 for a tool that is not idempotent.
    package let retriesMax: Int

    /// Makes settings; ``HTTPToolFile`` checks what it reads.
    package init(definition: ToolDefinition, url: String, headers: [HTTPToolHeader] = [], retriesMax: Int = 0) {
        self.definition = definition
        self.url = url
        self.headers = headers
        self.retriesMax = retriesMax
    }

    /// The names of the variables that the headers need.
    package var variables: Set<String> { Set(headers.flatMap(\.variables)) }
}

/// A header field with places for variables, written `${NAME}`: a secret stands in the environment, not in the file.
package struct HTTPToolHeader: Sendable, Equatable {
    private enum Part: Sendable, Equatable {
        case text(String)
        case variable(String)
    }

    /// The field's name.
    package let name: String
    private let parts: [Part]

    /// Reads a value; nil when a `${` has no name in capital letters, digits and underscores, or no end.
    package init?(name: String, template: String) {
        var parts: [Part] = []
        var rest = template[...]
        while let start = rest.firstRange(of: "${") {
            if start.lowerBound > rest.startIndex { parts.append(.text(String(rest[..<start.lowerBound]))) }
            guard let end = rest[start.upperBound...].firstIndex(of: "}") else { return nil }
            let variable = rest[start.upperBound..<end]
            guard !variable.isEmpty, variable.utf8.allSatisfy(Self.isVariableByte) else { return nil }
            parts.append(.variable(String(variable)))
            rest = rest[rest.index(after: end)...]
        }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
        self.name = name
        self.parts = parts
    }

    /// The names of the variables in the value.
    package var variables: [String] {
        parts.compactMap { part in
            if case .variable(let name) = part { name } else { nil }
        }
    }

    /// The value; a variable that is not given is empty.
    package func value(_ variables: [String: String]) -> String {
        parts.map { part in
            switch part {
            case .text(let text): text
            case .variable(let name): variables[name] ?? ""
            }
        }.joined()
    }

    private static func isVariableByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
        default: false
        }
    }
}
