import PKCS11

/// A token's flags, for people and programs.
enum TokenState {
    private static let names: [(String, TokenInfo.Flags)] = [
        ("initialised", .tokenInitialized), ("loginRequired", .loginRequired), ("pinSet", .userPINInitialized),
        ("protectedPath", .protectedAuthenticationPath), ("pinCountLow", .userPINCountLow),
        ("pinFinalTry", .userPINFinalTry), ("pinLocked", .userPINLocked), ("pinToBeChanged", .userPINToBeChanged),
        ("writeProtected", .writeProtected),
    ]

    static func json(_ flags: TokenInfo.Flags) -> JSON {
        .object(names.map { ($0, .bool(flags.contains($1))) })
    }

    static func text(_ flags: TokenInfo.Flags) -> String {
        guard flags.contains(.tokenInitialized) else { return "not initialised" }
        var words: [String] = []
        if !flags.contains(.loginRequired) {
            words.append("needs no PIN")
        } else if !flags.contains(.userPINInitialized) {
            words.append("no PIN set")
        } else {
            words.append(flags.contains(.protectedAuthenticationPath) ? "PIN entered at the token" : "needs a PIN")
        }
        if flags.contains(.userPINLocked) {
            words.append("PIN LOCKED")
        } else if flags.contains(.userPINFinalTry) {
            words.append("LAST TRY")
        } else if flags.contains(.userPINCountLow) {
            words.append("few tries left")
        }
        if flags.contains(.userPINToBeChanged) { words.append("PIN to be changed") }
        if flags.contains(.writeProtected) { words.append("read-only") }
        return words.joined(separator: ", ")
    }
}
