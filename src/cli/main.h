// The command line: `weir VERB ...`.
#pragma once

namespace weir::cli {

/// Parses, runs the verb and returns the exit status (cli/verbs.h). Prints every failure to standard error.
int main(int argc, char** argv);

}  // namespace weir::cli
