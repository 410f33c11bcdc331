import Foundation
package import JSON

extension PlatformOptions {
    /// Gives every service these HTTP tools, and policies that allow them to every tenant.
    /// - Parameter tools: Entries of the tools file.
    /// - Throws: When the files cannot be written.
    package mutating func setTools(_ tools: [JSONValue]) throws {
        let folder = try TemporaryFolder.shared.makeFolder("tools")
        try Data(JSONValue.object(["tools": .array(tools)]).serialized()).write(
            to: URL(filePath: folder + "/tools.json")
        )
        environment["PARLEY_TOOLS_FILE"] = folder + "/tools.json"
        _ = try setPolicies { data in
            var defaults = data["defaults"]?.objectValue ?? [:]
            let allowed = defaults["allowed_tools"]?.arrayValue ?? []
            defaults.set("allowed_tools", .array(allowed + tools.compactMap { $0["name"] }))
            data.set("defaults", .object(defaults))
        }
    }

    /// Gives every service the platform's own policies with other settings for personas of the default tenant.
    /// - Parameters:
    ///   - personas: The settings, by persona.
    ///   - rules: The text of another policy file, beside the platform's own.
    /// - Returns: The folder, in which the test may change the policies.
    /// - Throws: When the files cannot be written.
    package mutating func setPolicies(personas: JSONObject, rules: String? = nil) throws -> String {
        let folder = try setPolicies { data in
            data.set("tenants", ["default": ["personas": .object(personas)]])
        }
        try rules?.write(toFile: folder + "/own.rego", atomically: true, encoding: .utf8)
        return folder
    }

    private mutating func setPolicies(_ change: (inout JSONObject) -> Void) throws -> String {
        let folder = try TemporaryFolder.shared.makeFolder("settings") + "/policies"
        try FileManager.default.copyItem(atPath: PackageRoot.path + "/deploy/policies", toPath: folder)
        let path = URL(filePath: folder + "/data.json")
        var data = try JSONFields(try JSONValue.parse([UInt8](Data(contentsOf: path)))).object
        change(&data)
        try Data(JSONValue.object(data).serialized()).write(to: path)
        environment["PARLEY_POLICY_DIR"] = folder
        return folder
    }
}
