import Glibc

/// A shared library that is used where it is installed, and need not be for building.
struct RuntimeLibrary: @unchecked Sendable {  // safe: dlsym may be called from any thread, and it is never closed
    private let handle: UnsafeMutableRawPointer

    /// - Parameter name: With the version of its interface.
    init?(_ name: String) {
        guard let handle = dlopen(name, RTLD_NOW | RTLD_LOCAL) else { return nil }
        self.handle = handle
    }

    /// The function `name`; `type` must be what the library's header says.
    func function<Function>(_ name: String, _ type: Function.Type) -> Function? {
        dlsym(handle, name).map { unsafeBitCast($0, to: type) }
    }
}
