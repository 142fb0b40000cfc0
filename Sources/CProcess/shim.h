#include <sys/prctl.h>

// prctl takes a variable list of arguments, which Swift cannot call.

static inline int legate_set_dumpable(int dumpable) { return prctl(PR_SET_DUMPABLE, dumpable, 0, 0, 0); }

static inline int legate_dumpable(void) { return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0); }
