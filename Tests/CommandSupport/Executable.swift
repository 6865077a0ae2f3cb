import Glibc

/// Programs of the system.
package enum Executable {
    /// The path of a program in `PATH`, or where programs for administrators are.
    package static func path(of name: String) throws(CommandError) -> String {
        guard let path = find(name) else { throw .notFound(name) }
        return path
    }

    /// The same; nil where there is none.
    package static func find(_ name: String) -> String? {
        let directories = inheritedEnvironment["PATH", default: ""].split(separator: ":").map(String.init)
        return (directories + ["/usr/sbin", "/usr/local/sbin", "/sbin"]).lazy.map { "\($0)/\(name)" }
            .first { access($0, X_OK) == 0 }
    }

    /// The variables without which programs do not run, or are not measured.
    package static let inheritedEnvironment: [String: String] = {
        let names = [
            "PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "LLVM_PROFILE_FILE", "LSAN_OPTIONS", "TSAN_OPTIONS",
        ]
        return names.reduce(into: [:]) { result, name in result[name] = getenv(name).map { String(cString: $0) } }
    }()
}
