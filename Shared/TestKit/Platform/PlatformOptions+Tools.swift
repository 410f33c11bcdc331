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
        let policies = PackageRoot.path + "/deploy/policies"
        let manager = FileManager.default
        try manager.copyItem(atPath: policies, toPath: folder + "/policies")
        let path = URL(filePath: folder + "/policies/data.json")
        var data = try JSONFields(try JSONValue.parse([UInt8](Data(contentsOf: path)))).object
        var defaults = data["defaults"]?.objectValue ?? [:]
        let allowed = defaults["allowed_tools"]?.arrayValue ?? []
        defaults.set("allowed_tools", .array(allowed + tools.compactMap { $0["name"] }))
        data.set("defaults", .object(defaults))
        try Data(JSONValue.object(data).serialized()).write(to: path)
        environment["PARLEY_POLICY_DIR"] = folder + "/policies"
    }
}
