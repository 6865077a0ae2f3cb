import Glibc

/// What is demanded of the file of a private key.
///
/// The file's owner and mode are those of the file that was opened, so that nobody can put another one in its place
/// between the check and the reading. Pipes are not checked.
public struct KeyFilePolicy: Sendable, Hashable {
    /// What to do about a key that others can read or replace.
    public enum Exposure: Sendable, Hashable {
        /// Nothing.
        case ignore
        /// The identity says so (``ClientIdentity/warnings``), and connectors log it once.
        case warn
        /// The key is not read.
        case refuse
    }

    /// What to do when the file can be read or changed by its group or by everybody, or belongs to somebody other than
    /// this process's user and root.
    public var exposure: Exposure
    /// Whether the file's name may be a symbolic link. Links among the directories on the way to it are always followed.
    public var followsLinks: Bool

    /// Makes a policy.
    public init(exposure: Exposure = .warn, followsLinks: Bool = true) {
        self.exposure = exposure
        self.followsLinks = followsLinks
    }

    /// Warns, and follows links. The default.
    public static var warn: KeyFilePolicy { .init() }
    /// Refuses keys that others can read or replace, and follows links.
    public static var refuse: KeyFilePolicy { .init(exposure: .refuse) }
    /// Does not look.
    public static var ignore: KeyFilePolicy { .init(exposure: .ignore) }

    /// What is wrong with a regular file of this owner and mode, for people.
    ///
    /// - Parameter user: This process's effective user.
    func fault(owner: uid_t, mode: mode_t, user: uid_t) -> String? {
        if owner != user, owner != 0 { return "belongs to the user \(owner), who can read and replace it" }
        guard mode & 0o077 != 0 else { return nil }
        let octal = String(mode & 0o7777, radix: 8)
        return mode & 0o022 == 0
            ? "may be read by others than its owner (mode \(octal))"
            : "may be changed by others than its owner (mode \(octal))"
    }
}
