import CommandSupport
import Testing

/// How long the command takes to start is bound by what the dynamic linker has to load for it.
@Suite(.enabled(if: Executable.find("readelf") != nil, "readelf is missing"))
struct CommandStartTests {
    @Test func theCommandLoadsNoFoundationButWhatArgumentParserBrings() async throws {
        let outcome = try await Command(Executable.path(of: "readelf"), "-d", "-W", MTLSCommand.path).run()
        let libraries = outcome.output.split(separator: "\n").filter { $0.contains("(NEEDED)") }
        #expect(libraries.contains { $0.contains("libgnutls.so") })
        let others = [
            "libFoundation.so", "libFoundationInternationalization", "libFoundationNetworking", "libcurl", "libxml2",
        ]
        for name in others { #expect(!libraries.contains { $0.contains(name) }, "\(name)") }
    }
}
