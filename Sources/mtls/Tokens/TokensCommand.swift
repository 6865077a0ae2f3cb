import ArgumentParser
import MTLSClient
import PKCS11

/// `mtls tokens`: what there is.
struct TokensCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokens", abstract: "List PKCS#11 tokens, explain their URIs, log in to them.",
        subcommands: [TokensList.self, TokensExplain.self, TokensLogin.self])
}

/// `mtls tokens explain`.
struct TokensExplain: TokenCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Take a pkcs11: URI apart: one attribute a line, decoded.")

    @Argument(help: "The URI.") var uri: String
    @Flag(name: .long, help: "Write the values in hexadecimal digits.") var hex = false
    @Flag(name: .long, help: "Write JSON.") var json = false

    func perform() async throws -> Int32 {
        let decoded: PKCS11URI
        do { decoded = try PKCS11URI(uri) } catch { throw MTLSError.token(error, phase: .prepare) }
        let pairs = decoded.attributes.map { ($0.name, Self.value($0, hex: hex)) }
        if json {
            Answer.write(.object(pairs.map { ($0, .string($1)) }))
        } else {
            Answer.write(pairs.map { "\($0)=\($1)" })
        }
        if decoded.pinValue != nil {
            Console().warn("the URI holds a PIN (pin-value), which everybody who lists processes has seen")
        }
        return 0
    }

    static func value(_ attribute: PKCS11URI.DecodedAttribute, hex: Bool) -> String {
        guard let bytes = attribute.value else { return "<secret>" }
        return hex ? Hex.text(bytes) : TokenText(bytes).description
    }
}

/// `mtls tokens login`.
struct TokensLogin: TokenCommand {
    static let configuration = CommandConfiguration(
        commandName: "login", abstract: "Log in to a token while you stand by.",
        discussion: """
            After wrong PINs a token says that few tries are left, and nothing logs in unattended any more. The right PIN, \
            given here, clears that. A wrong one costs a try: it is sent once.
            """)

    @Argument(help: "The token's URI.") var uri: String
    @OptionGroup var token: TokenOptions
    @Flag(name: .long, help: "Write JSON.") var json = false

    func perform() async throws -> Int32 {
        let access = try await token.access(uri, isAttended: true)
        let (before, after) = try await access.logIn()
        let label = access.token.label
        if json {
            Answer.write(
                .object([
                    ("token", .string(label)), ("uri", .string(access.token.uri.formatted)),
                    ("before", TokenState.json(before.flags)), ("after", TokenState.json(after.flags)),
                ]))
        } else {
            Answer.write([
                "logged in to \"\(label)\": \(TokenState.text(after.flags))"
                    + (before.flags == after.flags ? "" : " (before: \(TokenState.text(before.flags)))")
            ])
        }
        return 0
    }
}
