// The small window of a login closes itself; the page beside it saves as soon as it is looked at again.

if (window.opener) window.close();
