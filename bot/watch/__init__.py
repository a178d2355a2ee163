"""The work of a running bot: read the list, save the news, deliver it, over and over."""
